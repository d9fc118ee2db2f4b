// SPDX-License-Identifier: LGPL-2.1-or-later
// Reads an array of documents on stdin; prints, for each, what the official schema of OpenRPC
// documents has against it, as an array of arrays of text.
'use strict';

const Ajv = require('ajv');
const { openrpcDocument } = require('@open-rpc/meta-schema');
const { jsonSchema } = require('@json-schema-tools/meta-schema');

// The schema of schemas is named by its address, with and without the slash; nothing is fetched.
const ajv = new Ajv({ strict: false, validateSchema: false, allErrors: true, logger: false });
ajv.addSchema(jsonSchema);
ajv.addSchema({ ...jsonSchema, $id: 'https://meta.json-schema.tools' });
const validate = ajv.compile(openrpcDocument);

const problems = (document) =>
  validate(document) ? [] : validate.errors.map((error) => `${error.instancePath}: ${error.message}`);

const documents = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(documents.map(problems)));
