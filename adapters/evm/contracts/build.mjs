// Compiles src/ with npm's solc and writes artifacts/; `--check` proves instead that artifacts/ is what src/ gives;
// `forge ARGS...` runs forge with the same packages. Packages come from $ISTHMUS_NODE_MODULES, or node_modules here.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { spawnSync } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const MODULES = resolve(process.env.ISTHMUS_NODE_MODULES ?? join(HERE, 'node_modules'));
const LIBRARY = '@openzeppelin/contracts/';
const ARTIFACTS = join(HERE, 'artifacts');
/** Artifact name -> source unit. The last two are OpenZeppelin's, needed to deploy ours. */
const CONTRACTS = {
  Router: 'src/Router.sol',
  AttestationClient: 'src/AttestationClient.sol',
  Erc7786Gateway: 'src/Erc7786Gateway.sol',
  Ics20Transfer: 'src/Ics20Transfer.sol',
  Ics20Voucher: 'src/Ics20Voucher.sol',
  SampleApp: 'src/SampleApp.sol',
  TestToken: 'src/TestToken.sol',
  ERC1967Proxy: '@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol',
  AccessManager: '@openzeppelin/contracts/access/manager/AccessManager.sol',
};

function readUnit(unit) {
  return readFileSync(unit.startsWith(LIBRARY) ? join(MODULES, unit) : join(HERE, unit), 'utf8');
}

/** The compiler settings of foundry.toml: one source for tests and artifacts. */
function settings() {
  const toml = readFileSync(join(HERE, 'foundry.toml'), 'utf8');
  const value = (key) => {
    const found = toml.match(new RegExp(`^${key} = (.*)$`, 'm'));
    if (!found) throw new Error(`foundry.toml has no ${key}`);
    return JSON.parse(found[1]);
  };
  return {
    evmVersion: value('evm_version'),
    viaIR: value('via_ir'),
    optimizer: { enabled: value('optimizer'), runs: value('optimizer_runs') },
    metadata: { bytecodeHash: value('bytecode_hash'), appendCBOR: value('cbor_metadata') },
    outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] } },
  };
}

function compile() {
  const solc = createRequire(join(MODULES, 'index.js'))('solc');
  const units = {};
  const load = (unit) => (units[unit] ??= readUnit(unit));
  const input = { language: 'Solidity', sources: {}, settings: settings() };
  for (const unit of Object.values(CONTRACTS)) input.sources[unit] = { content: load(unit) };
  const callbacks = { import: (unit) => ({ contents: load(unit) }) };
  const output = JSON.parse(solc.compile(JSON.stringify(input), callbacks));
  const ours = (e) => e.severity === 'error' || !e.sourceLocation?.file.startsWith(LIBRARY);
  const errors = (output.errors ?? []).filter(ours);
  if (errors.length) throw new Error(errors.map((e) => e.formattedMessage).join('\n'));
  return { compiler: solc.version(), contracts: output.contracts, units };
}

/** sha256 over (name, text) of every source unit that took part. */
function sourceHash(units) {
  const hash = createHash('sha256');
  for (const unit of Object.keys(units).sort()) hash.update(`${unit}\0${units[unit].length}\0${units[unit]}`);
  return hash.digest('hex');
}

function artifacts() {
  const { compiler, contracts, units } = compile();
  const hash = sourceHash(units);
  return Object.entries(CONTRACTS).map(([name, unit]) => {
    const { abi, evm } = contracts[unit][name];
    const artifact = {
      contractName: name,
      sourceName: unit,
      compiler,
      sourceHash: hash,
      bytecode: `0x${evm.bytecode.object}`,
      deployedBytecode: `0x${evm.deployedBytecode.object}`,
      abi,
    };
    return [`${name}.json`, `${JSON.stringify(artifact, null, 1)}\n`];
  });
}

function write() {
  const made = artifacts(); // first: a failed or slow compilation leaves the old ones
  rmSync(ARTIFACTS, { recursive: true, force: true });
  mkdirSync(ARTIFACTS);
  for (const [file, text] of made) writeFileSync(join(ARTIFACTS, file), text);
}

function check() {
  const expected = new Map(artifacts());
  const found = existsSync(ARTIFACTS) ? readdirSync(ARTIFACTS) : [];
  const wrong = found.filter((file) => !expected.has(file)).map((file) => `${file}: not an artifact`);
  for (const [file, text] of expected) {
    if (!found.includes(file)) wrong.push(`${file}: missing`);
    else if (readFileSync(join(ARTIFACTS, file), 'utf8') !== text) wrong.push(`${file}: not what the sources give`);
  }
  if (wrong.length) throw new Error(`${wrong.join('\n')}\nrun: node build.mjs`);
  console.log(`${expected.size} artifacts match their sources`);
}

/** Runs forge. What it compiles is kept beside the packages, one folder for each checkout, and nothing in the tree. */
function forge(args) {
  const place = join(MODULES, '..', 'forge', createHash('sha256').update(HERE).digest('hex').slice(0, 16));
  const env = {
    FOUNDRY_OUT: join(place, 'out'),
    FOUNDRY_CACHE_PATH: join(place, 'cache'),
    ...process.env,
    NODE_PATH: MODULES,
    FOUNDRY_DISABLE_NIGHTLY_WARNING: '1',
  };
  const remapping = ['--remappings', `${LIBRARY}=${join(MODULES, LIBRARY)}`];
  const run = spawnSync(join(MODULES, '.bin', 'forge'), [...args, ...remapping], { cwd: HERE, env, stdio: 'inherit' });
  if (run.error) throw run.error;
  process.exitCode = run.status ?? 1;
}

const [command, ...rest] = process.argv.slice(2);
try {
  if (command === undefined) write();
  else if (command === '--check') check();
  else if (command === 'forge') forge(rest);
  else throw new Error(`unknown command ${command}; expected nothing, --check or forge`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
