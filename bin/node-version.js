/**
 * Says whether a Node version is in a range of the form `^22.22.2 || ^24.15.0 || >=26`: the only two operators that the `engines` of package.json uses.
 * Parsed by hand because nothing may be installed yet.
 */
export function isSupported(version, range) {
  const have = parse(version);
  return range.split('||').some((part) => {
    const match = /^\s*(\^|>=)(\d[\d.]*)\s*$/.exec(part);
    if (match === null) throw new Error(`engines.node holds '${part.trim()}', which is neither ^version nor >=version`);
    const least = parse(match[2]);
    return compare(have, least) >= 0 && (match[1] === '>=' || have[0] === least[0]);
  });
}

function parse(version) {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return [major, minor, patch];
}

function compare(a, b) {
  const index = [0, 1, 2].find((at) => a[at] !== b[at]);
  return index === undefined ? 0 : a[index] - b[index];
}
