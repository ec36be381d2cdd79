// The files of a message, as they are shown below it.

import type { Artifact } from '../../../pkg/index.js';
import { addressOf } from '../attachments.js';
import { h } from '../dom.js';

/** Reads the beginning of a text. */
export type Preview = (artifact: Artifact) => Promise<string>;

/** Bytes of a text that are shown. */
export const PREVIEW_BYTES = 4096;

/** Resolves once the service worker answers this page; never where there is none. */
const served: Promise<void> =
  'serviceWorker' in navigator && !navigator.serviceWorker.controller
    ? new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', () => resolve()))
    : 'serviceWorker' in navigator
      ? Promise.resolve()
      : new Promise(() => undefined);

/** Elements by artifact: a picture or a film that is shown stays what it is when its thread is drawn anew. */
const known = new Map<string, HTMLElement>();

/** Shows files; nothing where there are none. */
export function attachmentList(artifacts: Artifact[], preview: Preview): HTMLElement | undefined {
  if (artifacts.length === 0) return undefined;
  return h('ul', { class: 'attachments', 'aria-label': 'Files' }, ...artifacts.map((one) => item(one, preview)));
}

function item(artifact: Artifact, preview: Preview): HTMLElement {
  const element = known.get(artifact.id) ?? h('li', {}, shown(artifact, preview), caption(artifact));
  known.set(artifact.id, element);
  return element;
}

function shown(artifact: Artifact, preview: Preview): HTMLElement | undefined {
  const { name, mediaType } = artifact;
  const address = addressOf(artifact);
  if (mediaType.startsWith('image/')) {
    return whenServed(h('img', { alt: name }), (image) => (image.src = address));
  }
  if (mediaType.startsWith('video/')) {
    const video = h('video', { controls: true, preload: 'metadata', 'aria-label': name });
    return whenServed(video, () => (video.src = address));
  }
  if (mediaType.startsWith('audio/')) {
    const audio = h('audio', { controls: true, preload: 'metadata', 'aria-label': name });
    return whenServed(audio, () => (audio.src = address));
  }
  if (/^text\/|^application\/json\b/.test(mediaType)) return text(artifact, preview);
  return undefined;
}

/** The beginning of a text, as text, whatever it says. */
function text(artifact: Artifact, preview: Preview): HTMLElement {
  const code = h('code');
  void preview(artifact).then(
    (begin) => (code.textContent = begin + ((artifact.size ?? 0) > PREVIEW_BYTES ? '…' : '')),
    (error: unknown) => (code.textContent = error instanceof Error ? error.message : String(error)),
  );
  return h('pre', { tabindex: 0, 'aria-label': `The beginning of ${artifact.name}` }, code);
}

function caption(artifact: Artifact): HTMLElement {
  const name = h('span', { class: 'name' }, artifact.name);
  const link = h(
    'a',
    { 'aria-label': `Download ${artifact.name}`, 'data-focus': `download ${artifact.id}` },
    'Download',
  );
  return h(
    'p',
    { class: 'caption' },
    name,
    h('span', { class: 'size' }, size(artifact.size ?? 0)),
    whenServed(link, () => (link.href = `${addressOf(artifact)}?download`)),
  );
}

function whenServed<Shown extends HTMLElement>(element: Shown, show: (element: Shown) => void): Shown {
  void served.then(() => show(element));
  return element;
}

/** A number of bytes, for people. */
export function size(bytes: number): string {
  const steps = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;
  const step = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), steps.length - 1);
  return new Intl.NumberFormat(undefined, {
    style: 'unit',
    unit: steps[step] ?? 'byte',
    maximumFractionDigits: step > 0 ? 1 : 0,
  }).format(bytes / 1000 ** step);
}
