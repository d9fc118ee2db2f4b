// SPDX-License-Identifier: LGPL-2.1-or-later
// story.js CLIENT SOCKET: what a program does that knows nothing but JSON-RPC 2.0 and rpc.discover.
// Guests `alpha` and `beta` are there. Ends with 0 when everything was as it should be.
'use strict';

const assert = require('node:assert/strict');
const clients = require('./clients.js');

const PAGE = 4096;
const PATIENCE = 30000; // milliseconds

// Parameters that a read method cannot do without.
const GIVEN = { name: 'kept' };

function requiredParams(method) {
  const params = {};
  for (const { name } of method.params.filter((param) => param.required)) {
    assert.ok(name in GIVEN, `${method.name} wants '${name}': give it one`);
    params[name] = GIVEN[name];
  }
  return params;
}

async function readEverything(client) {
  const { methods } = await client.call('rpc.discover');
  const read = methods.filter((method) => method['x-access'] === 'read');

  assert.ok(read.length >= 8, 'there are read methods');
  for (const method of read) {
    const result = await client.call(method.name, requiredParams(method));
    for (const name of method.result.schema.required ?? [])
      assert.ok(name in result, `${method.name} tells '${name}'`);
  }
}

async function segmentNames(client) {
  return (await client.call('segment.list', {})).segments.map((segment) => segment.name);
}

async function attachAndDetach(client) {
  const attached = await client.call('guest.attach', { guest: 'alpha', size: PAGE, name: 'shared' });
  assert.equal(attached.state, 'attached');
  assert.equal(attached.size, PAGE);
  const second = await client.call('guest.attach', { guest: 'beta', segment: 'shared' });
  assert.equal(second.guest_address, attached.guest_address);

  const shown = await client.call('segment.show', { name: 'shared' });
  assert.deepEqual(shown.attachments.map((one) => one.guest.name).sort(), ['alpha', 'beta']);

  const data = Buffer.from('seen by both').toString('hex');
  const address = attached.guest_address;
  await client.call('sim.guest.write', { name: 'alpha', address, data });
  const seen = await client.call('sim.guest.read', { name: 'beta', address, length: data.length / 2 });
  assert.equal(seen.data, data);

  for (const guest of ['alpha', 'beta']) {
    const { detached } = await client.call('guest.detach', { guest });
    assert.deepEqual(detached.map((one) => one.segment), ['shared']);
  }
  assert.deepEqual(await segmentNames(client), ['kept']);
}

async function refusals(client) {
  await assert.rejects(client.call('no.such', {}), { code: -32601 });
  await assert.rejects(client.call('segment.show', { nonsense: 1 }), { code: -32602 });
  await assert.rejects(client.call('segment.show', { name: 'nothing' }), (error) => {
    assert.equal(error.code, 4);
    assert.equal(error.data.name, 'SEGMENT_UNKNOWN');
    return true;
  });
}

async function batches(client) {
  const replies = await client.batch([
    { method: 'pool.list', params: {} },
    { method: 'segment.show', params: { name: 'nothing' } },
  ]);
  assert.equal(replies.length, 2);
  assert.ok(replies.some((reply) => reply.result?.pools));
  assert.ok(replies.some((reply) => reply.error?.code === 4));
}

async function until(condition) {
  const end = Date.now() + PATIENCE;

  while (!(await condition())) {
    assert.ok(Date.now() < end, `waited too long: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function notifications(client) {
  await client.notify('segment.alloc', { name: 'notified', size: PAGE });
  await until(async () => (await segmentNames(client)).includes('notified'));
  await client.call('segment.free', { name: 'notified' });
  if (client.events) {
    const types = () => client.events.map((event) => event.type);
    await until(() => types().includes('segment.freed'));
    assert.ok(types().includes('attachment.attached'));
    const numbers = client.events.map((event) => event.seq);
    assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b));
  }
}

async function main([name, socket]) {
  const client = await clients[name](socket);

  await client.call('segment.alloc', { name: 'kept', size: PAGE });
  await readEverything(client);
  await attachAndDetach(client);
  await refusals(client);
  await batches(client);
  await notifications(client);
  await client.call('segment.free', { name: 'kept' });
  client.close();
}

// Not by itself: jayson only closes its side of a connection, and one that has subscribed to events
// stays open then, for the events.
main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
