/** Randomness, as a port. */
export interface Random {
  /** Lower-case hexadecimal text of the given number of random bytes. */
  hex(bytes: number): string;
}
