/** A secret to look for, in whatever form it may have got out. */
export interface Needle {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export function needle(name: string, secret: string | Uint8Array): Needle {
  const bytes = typeof secret === 'string' ? Buffer.from(secret) : secret;
  // Shorter ones would be found by chance.
  if (bytes.length < 16) throw new Error(`the secret '${name}' has only ${bytes.length} bytes`);
  return { name, bytes };
}

/** Every form that a secret is looked for in: as it is, base64 wherever it may begin in what was encoded, both alphabets, hexadecimal, URL-encoded, in JSON. */
function formsOf({ bytes }: Needle): readonly string[] {
  const raw = Buffer.from(bytes);
  const text = raw.toString('latin1');
  const hex = raw.toString('hex');
  const url = encodeURIComponent(text);
  const json = JSON.stringify(text).slice(1, -1);
  return [...new Set([text, ...base64Forms(raw), hex, hex.toUpperCase(), url, url.toLowerCase(), json])];
}

/** Three beginnings; the characters at both ends that depend on neighbours are left out. */
function base64Forms(bytes: Buffer): readonly string[] {
  return [0, 1, 2].flatMap((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const inner = encoded.slice(before === 0 ? 0 : before + 1, (before + bytes.length) % 3 === 0 ? undefined : -1);
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
  });
}

/** A place that was searched, and which secrets were in it. */
export interface Finding {
  readonly place: string;
  readonly needle: string;
}

/** Searches texts, by place, for secrets. Line breaks, real or escaped, hide nothing: base64 is often broken into lines. */
export function findNeedles(places: ReadonlyMap<string, Uint8Array>, needles: readonly Needle[]): readonly Finding[] {
  const wanted = needles.map((one) => ({ name: one.name, forms: formsOf(one).flatMap((form) => [form, joined(form)]) }));
  return [...places].flatMap(([place, content]) => {
    const text = Buffer.from(content).toString('latin1');
    const whole = joined(text);
    return wanted.filter(({ forms }) => forms.some((form) => text.includes(form) || whole.includes(form))).map(({ name }) => ({ place, needle: name }));
  });
}

function joined(text: string): string {
  return text.replaceAll(/\\[nr]|[\r\n]/g, '');
}
