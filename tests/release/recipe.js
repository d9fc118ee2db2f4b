// SPDX-License-Identifier: LGPL-2.1-or-later
// Reads the BitBake files that the command line names; prints, as an array with an object for each,
// its assignments, what it inherits, and the lines that are no BitBake.
'use strict';

const { readFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const Parser = require('web-tree-sitter');

const GRAMMAR = join(dirname(require.resolve('language-server-bitbake/package.json')), 'tree-sitter-bitbake.wasm');

const part = (node, type) => node.namedChildren.find((child) => child.type === type)?.text ?? '';

// A quoted text, its continued lines put together as BitBake does.
const unquoted = (text) => text.slice(1, -1).replace(/\\\n/g, '');

const assignment = (node) => ({
  name: part(node, 'identifier') + part(node, 'override'),
  flag: part(node, 'variable_flag'),
  operator: node.children.find((child) => /^[?:+.]*=[+.]?$/.test(child.type)).type,
  value: unquoted(part(node, 'literal')),
});

const faults = (node) => {
  if (!node.hasError && !node.isMissing) return [];
  const own = node.type === 'ERROR' || node.isMissing ? [node.startPosition.row + 1] : [];
  return own.concat(...node.children.map(faults));
};

const taken = (path, parser) => {
  const root = parser.parse(readFileSync(path, 'utf8')).rootNode;
  const lines = [...new Set(faults(root))];
  if (lines.length) return { path, faults: lines, assignments: [], inherits: [] };
  const of = (type) => root.namedChildren.filter((node) => node.type === type);
  return {
    path,
    faults: [],
    assignments: of('variable_assignment').map(assignment),
    inherits: of('inherit_directive').flatMap((node) => node.namedChildren.map((child) => child.text)),
  };
};

(async () => {
  await Parser.init();
  const parser = new Parser();
  parser.setLanguage(await Parser.Language.load(GRAMMAR));
  process.stdout.write(JSON.stringify(process.argv.slice(2).map((path) => taken(path, parser))));
})();
