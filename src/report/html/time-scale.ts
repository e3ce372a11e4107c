import type { OwnerItem } from '../../operations/report-evidence.ts';

/** A stretch in which nobody ran the run gets at most this share of the width: what happened before and after it is what is looked at. */
const GAP_SHARE = 0.04;

interface Piece {
  readonly from: number;
  readonly to: number;
  /** Drawn width, in the unit of all pieces. */
  readonly width: number;
}

/** A mark on the axis. */
export interface Tick {
  readonly percent: number;
  /** Milliseconds since the start of the run. */
  readonly afterMs: number;
}

/** Maps time to the width of a drawing. Long stretches between two owners are drawn short, and time before and after the run at its edges. */
export class TimeScale {
  readonly #pieces: readonly Piece[];
  readonly #total: number;
  readonly start: number;

  /** `owners` are those that ran steps, in order; all times are milliseconds since the epoch. */
  constructor(owners: readonly OwnerItem[], { start, end }: { readonly start: number; readonly end: number }) {
    this.start = start;
    const gaps = owners.slice(1).flatMap((owner, index) => {
      const from = Date.parse(owners[index]?.until ?? owner.at);
      const to = Date.parse(owner.at);
      return to > from ? [{ from, to }] : [];
    });
    const active = Math.max(1, end - start - gaps.reduce((sum, { from, to }) => sum + to - from, 0));
    const cuts = [start, ...gaps.flatMap(({ from, to }) => [from, to]), end];
    this.#pieces = cuts.slice(1).map((to, index) => {
      const from = cuts[index] ?? start;
      return { from, to, width: index % 2 === 1 ? Math.min(to - from, active * GAP_SHARE) : to - from };
    });
    this.#total = Math.max(
      1,
      this.#pieces.reduce((sum, { width }) => sum + width, 0),
    );
  }

  /** Where a moment lies, from 0 to 100. */
  percent(at: number): number {
    let width = 0;
    for (const piece of this.#pieces) {
      if (at <= piece.from) break;
      width += piece.to > piece.from ? (piece.width * (Math.min(at, piece.to) - piece.from)) / (piece.to - piece.from) : 0;
    }
    return (100 * width) / this.#total;
  }

  /** Stretches that are drawn shorter than they are, in percent. */
  get breaks(): readonly { readonly from: number; readonly to: number; readonly ms: number }[] {
    return this.#pieces
      .filter(({ from, to, width }) => width < to - from)
      .map(({ from, to }) => ({ from: this.percent(from), to: this.percent(to), ms: to - from }));
  }

  /** Round marks for the axis: four to eight of them for a run without interruption. */
  ticks(): readonly Tick[] {
    const step = roundStep(this.#total / 5);
    const last = this.#pieces.at(-1)?.to ?? this.start;
    const marks: Tick[] = [];
    for (const { from, to, width } of this.#pieces) {
      if (width < to - from) continue;
      const first = Math.ceil((from - this.start) / step) * step;
      for (let afterMs = first; this.start + afterMs <= to; afterMs += step) marks.push({ percent: this.percent(this.start + afterMs), afterMs });
    }
    return marks.filter(({ afterMs }) => this.start + afterMs <= last);
  }
}

const ROUND_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000];
const HOUR_MS = 3_600_000;

function roundStep(ms: number): number {
  return ROUND_MS.find((round) => round >= ms) ?? Math.ceil(ms / HOUR_MS) * HOUR_MS;
}
