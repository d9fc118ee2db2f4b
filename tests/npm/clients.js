// SPDX-License-Identifier: LGPL-2.1-or-later
// Clients of JSON-RPC 2.0 from the npm registry, unmodified, on a Unix socket. Each is opened with
// the socket's path, and gives
//   call(method, params)   a promise of the result; refused with the error object of the reply
//   notify(method, params)
//   batch(requests)        a promise of the replies; requests are {method, params}
//   events                 what came as notification `event`, or null if the client cannot have any
//   close()
'use strict';

const net = require('node:net');

// Its TCP client takes the options of net.connect(), and so a path. One connection a request.
function openJayson(path) {
  const client = require('jayson/promise').Client.tcp({ path, version: 2 });
  const settled = async (promise) => {
    const reply = await promise;
    if (reply.error) throw reply.error;
    return reply.result;
  };

  return {
    call: (method, params) => settled(client.request(method, params)),
    notify: (method, params) => client.request(method, params, null),
    batch: (requests) =>
      client.request(requests.map(({ method, params }) => client.request(method, params, undefined, false))),
    events: null,
    close() {},
  };
}

// It leaves the transport to its user: here one connection, a line each way.
async function openJsonRpc2(path) {
  const { JSONRPCClient, JSONRPCServer, JSONRPCServerAndClient } = require('json-rpc-2.0');
  const socket = net.connect({ path });
  const events = [];
  const client = new JSONRPCServerAndClient(
    new JSONRPCServer(),
    new JSONRPCClient((message) => void socket.write(JSON.stringify(message) + '\n')),
  );
  let rest = '';

  client.addMethod('event', (params) => void events.push(params));
  socket.setEncoding('utf8');
  socket.on('data', (data) => {
    const lines = (rest + data).split('\n');
    rest = lines.pop();
    for (const line of lines) client.receiveAndSend(JSON.parse(line));
  });
  socket.on('close', () => client.rejectAllPendingRequests('the daemon has hung up'));
  await new Promise((resolve, reject) => socket.on('connect', resolve).on('error', reject));

  let id = 1000000;
  return {
    call: (method, params) => client.request(method, params),
    notify: (method, params) => client.notify(method, params),
    batch: (requests) =>
      client.requestAdvanced(requests.map((one) => ({ jsonrpc: '2.0', id: id++, ...one }))),
    events,
    close: () => socket.destroy(),
  };
}

module.exports = { 'jayson': openJayson, 'json-rpc-2.0': openJsonRpc2 };
