/** The HTML of the report: one file, pictures inside. Pure. */

export interface Cell {
  readonly label: string;
  /** data: URI */
  readonly source: string;
}

export interface Row {
  readonly title: string;
  readonly cells: readonly Cell[];
}

export interface Section {
  readonly title: string;
  readonly note: string;
  readonly rows: readonly Row[];
}

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1120px; padding: 0 1rem; color: #1d1d1f; background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin: 2rem 0 0; } h3 { font-size: 1rem; font-weight: 500; margin: 1rem 0 .3rem; }
p { margin: .3rem 0; color: #555; } .row { display: flex; gap: 8px; flex-wrap: wrap; }
figure { margin: 0; } img { display: block; width: 256px; height: 256px; object-fit: cover; image-rendering: auto; }
figcaption { font-size: 13px; color: #555; }
pre { overflow: auto; font-size: 12px; background: #f5f5f7; padding: 1rem; }`;

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** @param tables text that stands at the end, as it is */
export function pageOf(title: string, intro: string, sections: readonly Section[], tables: string): string {
  const figure = ({ label, source }: Cell) =>
    `<figure><img src="${source}" alt="${escaped(label)}"><figcaption>${escaped(label)}</figcaption></figure>`;
  const row = ({ title: name, cells }: Row) =>
    `<h3>${escaped(name)}</h3><div class="row">${cells.map(figure).join('')}</div>`;
  const section = ({ title: name, note, rows }: Section) =>
    `<section><h2>${escaped(name)}</h2>${note ? `<p>${escaped(note)}</p>` : ''}${rows.map(row).join('')}</section>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title><style>${STYLE}</style></head>
<body><h1>${escaped(title)}</h1><p>${escaped(intro)}</p>
${sections.map(section).join('\n')}
${tables ? `<h2>Tables</h2><pre>${escaped(tables)}</pre>` : ''}
</body></html>
`;
}
