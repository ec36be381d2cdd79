// Structural tension charts, as a person works with them.

import type {
  Chart,
  ChartDetail,
  ChartPhase,
  ChartStatus,
  ChartStep,
  ChartWarning,
  LineOutcome,
  LoadedLine,
  UserView,
} from '../../pkg/index.js';
import { type Asked, Paged } from './paged.js';

/** The phases, in their order. */
export const PHASES: readonly ChartPhase[] = ['germination', 'assimilation', 'completion'];

const CHARTS_PER_PAGE = 50;
const CHILDREN_PER_PAGE = 1000;

/** A file is loaded in pieces that are well below what one call takes: 10,000 lines and 8 MiB. */
const LINES_A_PIECE = 5000;
const UNITS_A_PIECE = 2_000_000;

/** Names a chart. */
export interface ChartName {
  context: string;
  chart: string;
}

/** What a person enters for a new chart. */
export interface ChartDraft {
  context: string;
  desiredOutcome: string;
  currentReality: string;
  dueDate: string;
  actionSteps: string[];
}

/** What became of a file. */
export interface Loaded {
  counts: Record<LineOutcome, number>;
  /** Lines that were set aside, with their numbers in the file. */
  setAside: LoadedLine[];
}

/** The charts that are listed, and the one that is open. */
export class ChartDesk {
  readonly charts: Paged<Chart>;
  contexts: string[] = [];
  status: ChartStatus = 'active';
  /** Only this context; all of them when empty. */
  context = '';
  open: ChartDetail | undefined;
  /** The charts directly below the open one, by id. */
  readonly below = new Map<string, Chart>();
  /** What to reconsider about the open chart. */
  warnings: ChartWarning[] = [];

  #user: UserView;
  /** The chart that is to be open; what was read of another meanwhile is dropped. */
  #wanted: ChartName | undefined;
  #changed: () => void;

  constructor(user: UserView, changed: () => void) {
    this.#user = user;
    this.charts = new Paged(CHARTS_PER_PAGE, (asked) => this.#page(asked));
    this.#changed = changed;
  }

  /** Reads the list anew, as many charts as are shown, and the open chart. */
  async read(): Promise<void> {
    const [contexts] = await Promise.all([this.#user.contexts.list(), this.charts.read()]);
    this.contexts = contexts.map(({ name }) => name);
    if (this.#wanted) await this.#readOpen(this.#wanted);
    this.#changed();
  }

  /** Reads the next page of the list. */
  async more(): Promise<void> {
    await this.charts.more();
    this.#changed();
  }

  /** Opens a chart. Rejects when it is not there; none is open then. */
  async show(name: ChartName): Promise<void> {
    if (!this.#isWanted(name)) this.warnings = [];
    this.#wanted = name;
    try {
      await this.#readOpen(name);
    } catch (error) {
      if (this.#isWanted(name)) this.close();
      throw error;
    }
    this.#changed();
  }

  close(): void {
    this.#wanted = undefined;
    this.open = undefined;
    this.warnings = [];
    this.#changed();
  }

  /** The chart that an entity is a part of; `undefined` when it is a part of none. */
  async chartOf(context: string, entity: string): Promise<ChartName | undefined> {
    const { metadata } = await this.#user.charts.getEntity({ context, name: entity });
    return typeof metadata.chartId === 'string' ? { context, chart: metadata.chartId } : undefined;
  }

  /** Creates a chart and opens it. */
  async create({ context, ...draft }: ChartDraft): Promise<ChartName> {
    const { chart, warnings } = await this.#user.charts.create({ ...draft, ...(context === '' ? {} : { context }) });
    return this.#reviewed(chart, warnings);
  }

  /** Makes a chart of a step and opens it. */
  async telescope(step: ChartStep, currentReality: string, actionSteps: string[]): Promise<ChartName> {
    const context = this.#contextOf();
    const { charts } = this.#user;
    const { chart, warnings } = await charts.telescope({ context, step: step.name, currentReality, actionSteps });
    return this.#reviewed(chart, warnings);
  }

  /** Says the outcome in other words, and moves its date unless that is empty. */
  async reword({ id, context, version }: Chart, desiredOutcome: string, dueDate: string): Promise<void> {
    const { warnings } = await this.#user.charts.update({
      context,
      chart: id,
      version,
      desiredOutcome,
      ...(dueDate === '' ? {} : { dueDate }),
    });
    await this.#after(warnings);
  }

  async addStep({ id, context }: Chart, text: string, dueDate: string): Promise<void> {
    await this.#user.charts.addStep({ context, chart: id, text, ...(dueDate === '' ? {} : { dueDate }) });
    await this.#after();
  }

  async completeStep({ name }: ChartStep): Promise<void> {
    await this.#user.charts.completeStep({ context: this.#contextOf(), step: name });
    await this.#after();
  }

  async observe({ id, context }: Chart, observation: string): Promise<void> {
    const { warnings } = await this.#user.charts.updateReality({ context, chart: id, observations: [observation] });
    await this.#after(warnings);
  }

  async setPhase({ id, context }: Chart, phase: ChartPhase): Promise<void> {
    await this.#user.charts.setPhase({ context, chart: id, phase });
    await this.#after();
  }

  /** Puts the chart away, or takes it up again. */
  async setArchived({ id, context }: Chart, archived: boolean): Promise<void> {
    const { charts } = this.#user;
    await (archived ? charts.archive({ context, chart: id }) : charts.unarchive({ context, chart: id }));
    await this.#after();
  }

  /** Loads a file of JSON Lines into a context. */
  async load(text: string, context: string): Promise<Loaded> {
    const counts = { entity: 0, relation: 0, kept: 0, present: 0, set_aside: 0 };
    const setAside: LoadedLine[] = [];
    let before = 0;
    for (const piece of pieces(text)) {
      const { lines } = await this.#user.charts.load({ context, text: piece });
      for (const line of lines) {
        counts[line.outcome] += 1;
        if (line.outcome === 'set_aside') setAside.push({ ...line, line: before + line.line });
      }
      before += lines.length;
    }
    await this.read();
    return { counts, setAside };
  }

  /** A context as the lines of a file, piece by piece. */
  async *lines(context: string): AsyncGenerator<string> {
    let cursor: string | undefined;
    do {
      const page = await this.#user.charts.lines(cursor === undefined ? { context } : { context, cursor });
      yield page.text;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
  }

  #page(asked: Asked): ReturnType<UserView['charts']['list']> {
    return this.#user.charts.list({
      status: this.status,
      ...asked,
      // What hangs below an active chart is shown in it.
      ...(this.status === 'active' ? { topLevel: true } : {}),
      ...(this.context === '' ? {} : { contexts: [this.context] }),
    });
  }

  async #readOpen(name: ChartName): Promise<void> {
    const [detail, children] = await Promise.all([
      this.#user.charts.get(name),
      this.#user.charts.children({ ...name, limit: CHILDREN_PER_PAGE }),
    ]);
    if (!this.#isWanted(name)) return;
    this.open = detail;
    this.below.clear();
    for (const child of children.items) this.below.set(child.id, child);
  }

  async #reviewed(chart: Chart, warnings: ChartWarning[]): Promise<ChartName> {
    const name = { context: chart.context, chart: chart.id };
    await this.show(name);
    await this.#after(warnings);
    return name;
  }

  async #after(warnings: ChartWarning[] = []): Promise<void> {
    this.warnings = warnings;
    await this.read();
  }

  #isWanted({ context, chart }: ChartName): boolean {
    return this.#wanted?.context === context && this.#wanted.chart === chart;
  }

  #contextOf(): string {
    if (!this.open) throw new Error('no chart is open');
    return this.open.chart.context;
  }
}

/** A text in pieces of whole lines. */
export function* pieces(text: string): Generator<string> {
  let start = 0;
  let lines = 0;
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\n', at);
    at = end < 0 ? text.length : end + 1;
    lines += 1;
    const nextEnd = text.indexOf('\n', at);
    const nextLength = (nextEnd < 0 ? text.length : nextEnd) - start;
    if (lines < LINES_A_PIECE && nextLength < UNITS_A_PIECE) continue;
    yield text.slice(start, at);
    start = at;
    lines = 0;
  }
  if (start < text.length) yield text.slice(start);
}
