import type { RunReport } from '../../operations/run-report.ts';
import { type Html, html } from './markup.ts';

/**
 * Recomputes the chain from the page alone, with nothing but Python's standard library. A line names the digest of the line before; lines that a replaced
 * owner still wrote are dropped where the next owner's first line goes back behind them.
 */
const PROGRAM = `import hashlib, json, re, sys
page = open(sys.argv[1], encoding="utf-8").read()
data = re.search(r'id="record-data">(.*?)</script>', page, re.S)[1]
archive = json.loads(data)["archive"]
digest = lambda text: "sha256:" + hashlib.sha256(text.encode()).hexdigest()
chain = [digest("lattice-dr journal of " + archive["run"])]
for segment in archive["segments"]:
    for line in segment["text"].split("\\n")[:-1]:
        before = json.loads(line)["prev"]
        while chain[-1] != before:
            chain.pop()  # an IndexError here means that the chain is broken
        chain.append(digest(line))
for name, text in archive["files"].items():
    print(name, digest(text))
print(len(chain) - 1, "lines, last", chain[-1])
`;

/** How to check the page: what it proves, what it does not, with the tool and without. */
export function verification({ run, journal }: RunReport): Html {
  return html`<h3>How to check this page</h3>
<p>The page carries the run's whole journal. Each of its lines names the SHA-256 digest of the line before, and the first one the digest of
what was fixed at the start. With the program, offline:</p>
<pre>lattice-dr report verify FILE</pre>
<p>This recomputes the chain, makes the page again from it and compares every character. Without the program, save this as <code>check.py</code> and run
<code>python3 check.py FILE</code>:</p>
<pre>${PROGRAM}</pre>
<p>It must print <code>${journal.lines} lines, last <span class="digest">${journal.end}</span></code>, and for <code>run.json</code> the digest
<code class="digest">${journal.frozen ?? 'none'}</code>${journal.changed.map(({ number, frozen }) => html`, for <code>run-${number}.json</code> <code class="digest">${frozen}</code>`)}. Whoever could rewrite the whole journal could make another page that fits itself: compare the last
digest with one that was kept elsewhere, in a ticket or a message sent when run <code>${run}</code> ended.</p>`;
}
