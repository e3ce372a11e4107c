/**
 * Strongly connected components of a directed graph, by Tarjan's algorithm without recursion: every vertex is in exactly one component, and a component comes
 * after all components it points to. O(V+E). `edges[v]` lists the vertices that `v` points to.
 *
 * @see R. Tarjan, "Depth-first search and linear graph algorithms", 1972
 */
export function strongComponents(edges: readonly (readonly number[])[]): readonly (readonly number[])[] {
  const state = new TarjanState(edges.length);
  const components: number[][] = [];
  for (let root = 0; root < edges.length; root += 1) if (!state.isVisited(root)) visitFrom(root, edges, { state, components });
  return components;
}

interface Run {
  readonly state: TarjanState;
  readonly components: number[][];
}

/** A vertex on the way down and how many of its edges have been followed. */
interface Frame {
  readonly vertex: number;
  next: number;
}

function visitFrom(root: number, edges: readonly (readonly number[])[], run: Run): void {
  const path: Frame[] = [{ vertex: root, next: 0 }];
  run.state.enter(root);
  for (let frame = path.at(-1); frame !== undefined; frame = path.at(-1)) {
    const target = edges[frame.vertex]?.[frame.next];
    frame.next += 1;
    if (target === undefined) leave(path, run);
    else if (!run.state.isVisited(target)) {
      run.state.enter(target);
      path.push({ vertex: target, next: 0 });
    } else run.state.seeAgain(frame.vertex, target);
  }
}

function leave(path: Frame[], run: Run): void {
  const done = path.pop();
  if (done === undefined) return;
  const component = run.state.close(done.vertex);
  if (component.length > 0) run.components.push(component);
  const parent = path.at(-1);
  if (parent !== undefined) run.state.inherit(parent.vertex, done.vertex);
}

class TarjanState {
  readonly #index: Int32Array;
  readonly #low: Int32Array;
  readonly #onStack: Uint8Array;
  readonly #stack: number[] = [];
  #next = 1;

  constructor(size: number) {
    this.#index = new Int32Array(size);
    this.#low = new Int32Array(size);
    this.#onStack = new Uint8Array(size);
  }

  isVisited(vertex: number): boolean {
    return this.#index[vertex] !== 0;
  }

  enter(vertex: number): void {
    this.#index[vertex] = this.#next;
    this.#low[vertex] = this.#next;
    this.#next += 1;
    this.#stack.push(vertex);
    this.#onStack[vertex] = 1;
  }

  seeAgain(from: number, to: number): void {
    if (this.#onStack[to] === 1) this.#low[from] = Math.min(this.#low[from] ?? 0, this.#index[to] ?? 0);
  }

  inherit(parent: number, child: number): void {
    this.#low[parent] = Math.min(this.#low[parent] ?? 0, this.#low[child] ?? 0);
  }

  /** The component that `vertex` is the root of, empty when it is not a root. */
  close(vertex: number): number[] {
    if (this.#low[vertex] !== this.#index[vertex]) return [];
    const component: number[] = [];
    for (let member = this.#stack.pop(); member !== undefined; member = this.#stack.pop()) {
      this.#onStack[member] = 0;
      component.push(member);
      if (member === vertex) break;
    }
    return component;
  }
}
