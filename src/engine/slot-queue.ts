/**
 * Hands out items in the order they came while a slot is free in total and in the item's group. Items of a full group step aside until a slot of that
 * group is given back, so each is looked at twice at most: n items cost O(n) whatever the limits.
 */
export class SlotQueue<T> {
  readonly #limit: number;
  readonly #groupLimits: Readonly<Record<string, number>>;
  readonly #busy = new Map<string, number>();
  readonly #aside = new Map<string, Fifo<T>>();
  readonly #queue = new Fifo<{ readonly item: T; readonly group: string | undefined }>();
  /** Items that own a slot of their group already and wait for one of the total; they go first. */
  readonly #next = new Fifo<T>();
  #running = 0;

  constructor(limit: number, groupLimits: Readonly<Record<string, number>>) {
    this.#limit = limit;
    this.#groupLimits = groupLimits;
  }

  push(item: T, group: string | undefined): void {
    this.#queue.push({ item, group });
  }

  /** The next item that may start, its slot taken; `undefined` when none may. */
  take(): T | undefined {
    if (this.#running >= this.#limit) return undefined;
    const next = this.#next.shift() ?? this.#takeQueued();
    if (next !== undefined) this.#running += 1;
    return next;
  }

  /** Gives back the slot of an item that was taken with this group. */
  release(group: string | undefined): void {
    this.#running -= 1;
    if (group === undefined) return;
    const waiting = this.#aside.get(group)?.shift();
    if (waiting === undefined) this.#busy.set(group, this.#busyIn(group) - 1);
    else this.#next.push(waiting);
  }

  #takeQueued(): T | undefined {
    for (let queued = this.#queue.shift(); queued !== undefined; queued = this.#queue.shift()) {
      const { item, group } = queued;
      if (group === undefined) return item;
      if (this.#busyIn(group) < (this.#groupLimits[group] ?? 0)) {
        this.#busy.set(group, this.#busyIn(group) + 1);
        return item;
      }
      this.#setAside(item, group);
    }
    return undefined;
  }

  #busyIn(group: string): number {
    return this.#busy.get(group) ?? 0;
  }

  #setAside(item: T, group: string): void {
    const aside = this.#aside.get(group) ?? new Fifo<T>();
    aside.push(item);
    this.#aside.set(group, aside);
  }
}

/** A queue with O(1) at both ends; an array's own `shift` moves every element. */
class Fifo<T> {
  #items: T[] = [];
  #head = 0;

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head];
    this.#head += 1;
    if (this.#head > 1_024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
