import type { NodeCommand, NodeProbe } from './preset.ts';
import { commandFailed, probe } from './probe.ts';

/** How an API server is kept from everybody but its own machine: `none` where the machine has no packet filter that we know. */
export type Isolation = 'nft' | 'iptables' | 'none';

/**
 * Drops what comes to a port from outside of the machine, before any rule that is there: what the machine sends itself, tunnels of SSH among it, comes by its loopback. A table, and a
 * chain, of our own, so that taking it away leaves nothing.
 */
const CLOSE = String.raw`
PATH=$PATH:/usr/sbin:/sbin
if command -v nft >/dev/null 2>&1 && nft list tables >/dev/null 2>&1; then
  nft list table inet lattice_dr >/dev/null 2>&1 && { echo nft; exit 0; }
  printf 'table inet lattice_dr {\n chain input {\n  type filter hook input priority -200; policy accept;\n  iifname != "lo" tcp dport { %s } drop\n }\n}\n' "$(echo "$*" | tr ' ' ',')" | nft -f - || exit 1
  echo nft
elif command -v iptables >/dev/null 2>&1 && iptables -w -L INPUT -n >/dev/null 2>&1; then
  for tables in iptables ip6tables; do
    command -v $tables >/dev/null 2>&1 || continue
    for port in "$@"; do
      $tables -w -C INPUT ! -i lo -p tcp --dport "$port" -m comment --comment lattice-dr -j DROP 2>/dev/null ||
        $tables -w -I INPUT 1 ! -i lo -p tcp --dport "$port" -m comment --comment lattice-dr -j DROP || exit 1
    done
  done
  echo iptables
else
  echo none
fi
`;

const OPEN = String.raw`
PATH=$PATH:/usr/sbin:/sbin
if command -v nft >/dev/null 2>&1 && nft list table inet lattice_dr >/dev/null 2>&1; then nft delete table inet lattice_dr || exit 1; fi
for tables in iptables ip6tables; do
  command -v $tables >/dev/null 2>&1 || continue
  for port in "$@"; do
    while $tables -w -D INPUT ! -i lo -p tcp --dport "$port" -m comment --comment lattice-dr -j DROP 2>/dev/null; do :; done
  done
done
exit 0
`;

const STATE = String.raw`
port=$1
PATH=$PATH:/usr/sbin:/sbin
if command -v nft >/dev/null 2>&1 && nft list table inet lattice_dr >/dev/null 2>&1; then echo nft; exit 0; fi
if command -v iptables >/dev/null 2>&1 && iptables -w -C INPUT ! -i lo -p tcp --dport "$port" -m comment --comment lattice-dr -j DROP 2>/dev/null; then echo iptables; exit 0; fi
echo none
`;

/** Closes an API server's port, and others by which machines come in, to everybody but the machine itself, and says by what. */
export function isolate(port: number, others: readonly number[] = []): NodeProbe<Isolation> {
  return reading({ title: `close port ${[port, ...others].join(', ')} to other machines`, script: CLOSE, args: [port, ...others].map(String) });
}

/** By what a port is closed to other machines now. */
export function isolationState(port: number): NodeProbe<Isolation> {
  return reading({ title: `see whether port ${port} is closed to other machines`, script: STATE, args: [String(port)] });
}

const HEARS = String.raw`
if command -v bash >/dev/null 2>&1 && timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$1" "$2" 2>/dev/null; then echo yes; else echo no; fi
`;

/** Whether a machine hears a port of another one. What it cannot tell, for want of a program that asks, it does not hear. */
export function hearsPort(host: string, port: number): NodeProbe<boolean> {
  const command = { title: `see whether port ${port} of ${host} is heard`, script: HEARS, args: [host, String(port)] };
  return probe(command, (stdout) => stdout.startsWith('yes'));
}

/** Opens them again; done already is done. */
export function openPort(port: number, others: readonly number[] = []): NodeCommand {
  return { title: `open port ${[port, ...others].join(', ')} to other machines`, script: OPEN, args: [port, ...others].map(String) };
}

function reading(command: NodeCommand): NodeProbe<Isolation> {
  return probe(command, (stdout) => {
    const said = stdout.trim();
    if (said === 'nft' || said === 'iptables' || said === 'none') return said;
    throw commandFailed(command, { exitCode: 0, stdout, stderr: '' });
  });
}
