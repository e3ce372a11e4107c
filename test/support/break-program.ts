/** Loaded before the program (`node --import`): breaks an invariant in the middle of its work, so that it writes a crash file. */
Map.groupBy = () => {
  throw new TypeError('planted by a test');
};
