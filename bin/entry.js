/** Where the product's code and its Node are. */
const fs = require('node:fs');
const path = require('node:path');

exports.findNode = findNode;
exports.findEntry = findEntry;

/** The Node that npm installed with us, if this platform has one. */
function findNode(root) {
  const name = `node-${process.platform}-${process.arch}`;
  for (const place of [path.join(root, 'node_modules'), path.join(root, '..')]) {
    const node = path.join(place, name, 'bin', 'node');
    if (fs.existsSync(node)) return node;
  }
  return undefined;
}

/** The built command line when it is newer than every source file, else the sources. */
function findEntry(root) {
  const built = path.join(root, 'dist', 'cli', 'main.js');
  const source = path.join(root, 'src', 'cli', 'main.ts');
  if (!fs.existsSync(source)) return { built: true, entry: built };
  const stamp = modified(path.join(root, 'dist', '.built'));
  if (stamp === 0 || !fs.existsSync(built)) return { built: false, entry: source };
  return hasNewer(path.join(root, 'src'), stamp) ? { built: false, entry: source } : { built: true, entry: built };
}

function hasNewer(directory, stamp) {
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory() ? hasNewer(file, stamp) : !isTest(entry.name) && modified(file) > stamp) return true;
  }
  return false;
}

function isTest(name) {
  return /\.(test|conformance)\.ts$/.test(name);
}

function modified(file) {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  return stat === undefined ? 0 : stat.mtimeMs;
}
