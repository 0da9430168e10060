#!/usr/bin/env node
// Answers the two requests that forge makes of a native solc, with the compiler of the npm package "solc".
'use strict';
const solc = require('solc');

function main(args) {
  if (args.includes('--version')) {
    const version = solc.version().replace(/\.Emscripten\..*$/, '.Linux.g++');
    process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${version}\n`);
    return 0;
  }
  if (args.includes('--standard-json')) {
    process.stdout.write(solc.compile(require('fs').readFileSync(0, 'utf8')));
    return 0;
  }
  process.stderr.write('solc-shim: only --version and --standard-json\n');
  return 1;
}

process.exitCode = main(process.argv.slice(2));
