import { Document, isScalar, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';

/** A value of a plan that is being drafted; `note` and `decide` add what a person should read beside it. Keys without a value are left out. */
export type Draft = string | number | boolean | Noted | readonly Draft[] | { readonly [key: string]: Draft | undefined };

/** A value with a comment, or without a value: a place that a person must fill. */
export class Noted {
  readonly value: Draft | undefined;
  readonly comment: string;

  constructor(value: Draft | undefined, comment: string) {
    this.value = value;
    this.comment = comment;
  }
}

/** A value and where it comes from. */
export function note(value: Draft, comment: string): Noted {
  return new Noted(value, comment);
}

/** Starts the comment of every place that is left open; validation refuses such a place, because nothing stands in it. */
const OPEN_MARK = 'REPLACE:';

/** A place that a person must fill: nothing stands there, so a plan with it is not valid. */
export function decide(what: string): Noted {
  return new Noted(undefined, `${OPEN_MARK} ${what}`);
}

/** A drafted plan as text. */
export interface DraftedText {
  readonly text: string;
  /** Places that are left open, with the line each stands on. */
  readonly open: readonly { readonly line: number; readonly what: string }[];
}

/** Longest line before a value is folded; paths and comments stay whole. */
const LINE_WIDTH = 0;

/** Writes a draft as YAML. `head` and `tail` are comments before and after it, a line each. */
export function writeDraft(draft: Draft, comments: { readonly head: readonly string[]; readonly tail: readonly string[] }): DraftedText {
  const document = new Document();
  document.contents = nodeOf(draft) as typeof document.contents;
  document.commentBefore = lines(comments.head);
  document.comment = lines(comments.tail);
  const text = document.toString({ lineWidth: LINE_WIDTH, nullStr: '', commentString: hash });
  const open = text.split('\n').flatMap((line, index) => {
    const at = line.indexOf(OPEN_MARK);
    return at === -1 ? [] : [{ line: index + 1, what: line.slice(at + OPEN_MARK.length).trim() }];
  });
  return { text, open };
}

type Node = Scalar | YAMLMap | YAMLSeq;

function nodeOf(draft: Draft): Node {
  if (draft instanceof Noted) return notedNode(draft);
  if (Array.isArray(draft)) {
    const list = new YAMLSeq();
    for (const item of draft as readonly Draft[]) list.items.push(nodeOf(item));
    return list;
  }
  if (typeof draft !== 'object') return new Scalar(draft);
  const map = new YAMLMap();
  for (const [key, value] of Object.entries(draft as Readonly<Record<string, Draft | undefined>>)) {
    if (value !== undefined) map.items.push(pairOf(key, value));
  }
  return map;
}

/** A comment about a map or a list stands above its key; one about a plain value beside it. */
function pairOf(key: string, value: Draft): Pair {
  const name = new Scalar(key);
  if (!(value instanceof Noted)) return new Pair(name, nodeOf(value));
  const node = value.value === undefined ? new Scalar(null) : nodeOf(value.value);
  if (isScalar(node)) node.comment = ` ${oneLine(value.comment)}`;
  else name.commentBefore = ` ${oneLine(value.comment)}`;
  return new Pair(name, node);
}

function notedNode({ value, comment }: Noted): Node {
  const node = value === undefined ? new Scalar(null) : nodeOf(value);
  if (isScalar(node)) node.comment = ` ${oneLine(comment)}`;
  else node.commentBefore = ` ${oneLine(comment)}`;
  return node;
}

/** What a cluster says goes into comments, and a comment ends where its line does. */
function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, ' ');
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => ` ${oneLine(text)}`).join('\n');
}

function hash(comment: string): string {
  return comment.replace(/^(?!$)(?: $)?/gm, '#');
}
