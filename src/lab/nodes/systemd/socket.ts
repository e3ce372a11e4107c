/** Where the service manager of a machine is asked. */
export const SYSTEMD_SOCKET = '/run/lattice-dr-lab/systemd.sock';
