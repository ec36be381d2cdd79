// Constructs, which agents work on and in, with what belongs to them.

import type {
  Artifact,
  Construct,
  ConstructStatus,
  Session,
  SessionStatus,
  TimelineEvent,
  UserView,
} from '../../pkg/index.js';
import { type Asked, Paged } from './paged.js';

/** Where each status of a construct leads. */
export const CONSTRUCT_CHANGES: Record<ConstructStatus, readonly ConstructStatus[]> = {
  pending: ['provisioning', 'retired'],
  provisioning: ['ready', 'failed', 'retired'],
  ready: ['suspended', 'retired'],
  failed: ['provisioning', 'retired'],
  suspended: ['ready', 'retired'],
  retired: [],
};

/** The calls that change a session's status. */
export type SessionChange = 'suspend' | 'resume' | 'end' | 'fail';

/** What can be done with a session in each status. */
export const SESSION_CHANGES: Record<SessionStatus, readonly SessionChange[]> = {
  active: ['suspend', 'end', 'fail'],
  suspended: ['resume', 'end', 'fail'],
  failed: ['resume', 'end'],
  ended: [],
};

const CONSTRUCTS_PER_PAGE = 50;
const EVENTS_PER_PAGE = 12;

/** Which constructs to list; what is empty does not filter. */
export interface ConstructFilter {
  status: ConstructStatus | '';
  type: string;
  name: string;
}

/** A link as seen from the open construct. */
export interface LinkSeen {
  id: string;
  kind: string;
  /** Whether it leads away from the open construct. */
  isOut: boolean;
  other: Construct;
}

/** A construct with what belongs to it. */
export interface OpenConstruct {
  construct: Construct;
  sessions: Session[];
  artifacts: Artifact[];
  links: LinkSeen[];
  /** Newest first, as many as were asked for. */
  events: TimelineEvent[];
  hasOlderEvents: boolean;
}

/** The constructs that are listed, and the one that is open. */
export class AgentDesk {
  readonly constructs: Paged<Construct>;
  filter: ConstructFilter = { status: '', type: '', name: '' };
  open: OpenConstruct | undefined;

  #user: UserView;
  /** The construct that is to be open; what was read of another meanwhile is dropped. */
  #wanted: string | undefined;
  #eventsShown = EVENTS_PER_PAGE;
  #changed: () => void;

  constructor(user: UserView, changed: () => void) {
    this.#user = user;
    this.constructs = new Paged(CONSTRUCTS_PER_PAGE, (asked) => this.#page(asked));
    this.#changed = changed;
  }

  /** Reads the list anew, and the open construct. */
  async read(): Promise<void> {
    const { filter } = this;
    if (!(await this.constructs.read(() => filter === this.filter))) return;
    if (this.#wanted !== undefined) await this.#readOpen(this.#wanted);
    this.#changed();
  }

  /** Reads the next page of the list. */
  async more(): Promise<void> {
    await this.constructs.more();
    this.#changed();
  }

  /** Opens a construct. Rejects when it is not there; none is open then. */
  async show(id: string): Promise<void> {
    if (this.#wanted !== id) this.#eventsShown = EVENTS_PER_PAGE;
    this.#wanted = id;
    try {
      await this.#readOpen(id);
    } catch (error) {
      if (this.#wanted === id) this.close();
      throw error;
    }
    this.#changed();
  }

  close(): void {
    this.#wanted = undefined;
    this.open = undefined;
    this.#changed();
  }

  /** Reads the events before those shown. */
  async olderEvents(): Promise<void> {
    this.#eventsShown += EVENTS_PER_PAGE;
    await this.read();
  }

  async create(type: string, name: string, description: string): Promise<Construct> {
    const metadata = description === '' ? {} : { description };
    const construct = await this.#user.constructs.create({ type, name, metadata });
    await this.read();
    return construct;
  }

  async setStatus({ id, version }: Construct, status: ConstructStatus, reason: string): Promise<void> {
    await this.#user.constructs.setStatus({ id, version, status, ...(reason === '' ? {} : { reason }) });
    await this.read();
  }

  async beginSession({ id }: Construct, name: string): Promise<void> {
    await this.#user.sessions.create({ constructId: id, name });
    await this.read();
  }

  async changeSession({ id }: Session, change: SessionChange): Promise<void> {
    await this.#user.sessions[change](id);
    await this.read();
  }

  async addArtifact({ id }: Construct, kind: string, name: string): Promise<void> {
    await this.#user.artifacts.create({ constructId: id, kind, name });
    await this.read();
  }

  async link({ id }: Construct, kind: string, to: string): Promise<void> {
    await this.#user.links.create({ from: id, to, kind });
    await this.read();
  }

  /** Puts a line of plain words on the timeline. */
  async note({ id }: Construct, text: string): Promise<void> {
    await this.#user.timeline.append({ constructId: id, kind: 'note', data: { text } });
    await this.read();
  }

  #page(asked: Asked): ReturnType<UserView['constructs']['list']> {
    const { status, type, name } = this.filter;
    return this.#user.constructs.list({
      ...asked,
      ...(status === '' ? {} : { status }),
      ...(type === '' ? {} : { type }),
      ...(name === '' ? {} : { name }),
    });
  }

  async #readOpen(id: string): Promise<void> {
    const { constructs, sessions, artifacts, timeline } = this.#user;
    const [construct, sessionPage, artifactPage, links, eventPage] = await Promise.all([
      constructs.get(id),
      sessions.list({ constructId: id, limit: 100 }),
      artifacts.list({ constructId: id, limit: 100 }),
      this.#links(id),
      timeline.list({ constructId: id, limit: Math.min(1000, this.#eventsShown) }),
    ]);
    if (this.#wanted !== id) return;
    this.open = {
      construct,
      sessions: sessionPage.items,
      artifacts: artifactPage.items,
      links,
      events: eventPage.items,
      hasOlderEvents: eventPage.nextCursor !== undefined,
    };
  }

  async #links(id: string): Promise<LinkSeen[]> {
    const { links, constructs } = this.#user;
    const [out, into] = await Promise.all([links.list({ from: id, limit: 100 }), links.list({ to: id, limit: 100 })]);
    const seen = [...out.items, ...into.items].map(async (link) => {
      const isOut = link.from === id;
      const other = await constructs.get(isOut ? link.to : link.from);
      return { id: link.id, kind: link.kind, isOut, other };
    });
    return Promise.all(seen);
  }
}
