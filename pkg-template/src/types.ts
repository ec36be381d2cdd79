// Generated from the Rust types; `cargo xtask types` writes it anew. A test fails when it is stale.

import type { CallOptions, WriteOptions } from './options.js';

/**
 * What went wrong, as a stable name that callers may match on.
 */
export type Code = "invalid_argument" | "invalid_text" | "not_found" | "conflict" | "quota_exceeded" | "unsupported" | "corrupt" | "schema_too_new" | "storage_evicted" | "locked" | "closed" | "aborted" | "timeout" | "indeterminate" | "archive_invalid" | "io" | "internal";

/**
 * The app's own fields of a record: any JSON object.
 */
export type Metadata = Record<string, unknown>;

/**
 * Any JSON value.
 */
export type Json = unknown;

/**
 * Which end of a list comes first.
 */
export type Order = "newest" | "oldest";

/**
 * A piece of a list.
 */
export type Page<T> = { 
/**
 * The items, in the order asked for.
 */
items: Array<T>, 
/**
 * Where the next page begins; absent on the last page.
 */
nextCursor?: string, };

/**
 * A person.
 */
export type User = { 
/**
 * The readable id, such as `us01`.
 */
id: string, 
/**
 * The UUIDv7 that names the same user on another device.
 */
uuid: string, 
/**
 * The name shown to people.
 */
name: string, 
/**
 * The app's own fields.
 */
metadata: Metadata, 
/**
 * Grows by one with every update.
 */
version: number, 
/**
 * Milliseconds since 1970-01-01 UTC.
 */
createdAt: number, 
/**
 * Milliseconds since 1970-01-01 UTC.
 */
updatedAt: number, };

/**
 * What a new user is made of.
 */
export type NewUser = { 
/**
 * The name shown to people.
 */
name: string, 
/**
 * The app's own fields; none by default.
 */
metadata?: Metadata, };

/**
 * Names one user.
 */
export type UserRef = { 
/**
 * The user.
 */
id: string, };

/**
 * Changes to a user; what is absent stays.
 */
export type UserUpdate = { 
/**
 * The user.
 */
id: string, 
/**
 * The version the change was made from; `conflict` when it is no longer the current one.
 */
version: number, 
/**
 * A new name.
 */
name?: string, 
/**
 * New fields, replacing all of the old.
 */
metadata?: Metadata, };

/**
 * Which users to list.
 */
export type UserList = { 
/**
 * Items per page: 1 to 1,000, 50 by default.
 */
limit?: number, 
/**
 * The `nextCursor` of the page before.
 */
cursor?: string, };

/**
 * A context and what is in it.
 */
export type Context = { 
/**
 * Its name.
 */
name: string, 
/**
 * The user it belongs to.
 */
userId: string, 
/**
 * How many records of each kind are in it.
 */
counts: Array<ContextCount>, 
/**
 * When it was first needed, in milliseconds since 1970-01-01 UTC.
 */
createdAt: number, };

/**
 * How many records of a kind are in a context.
 */
export type ContextCount = { 
/**
 * The kind, as its group is called: `conversations`.
 */
kind: string, 
/**
 * How many, deleted ones that can be restored included.
 */
count: number, };

/**
 * Names a context.
 */
export type ContextRef = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * Its name.
 */
name: string, };

/**
 * Whose contexts to list.
 */
export type ContextList = { 
/**
 * The user. A view of one user may leave it out.
 */
userId?: string, };

/**
 * Moves everything in one context to another.
 */
export type ContextRename = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * Its name now.
 */
name: string, 
/**
 * Its name then; one that is there already takes its records in.
 */
to: string, };

/**
 * A setting.
 */
export type Setting = { 
/**
 * Its name.
 */
name: string, 
/**
 * Its value.
 */
value: Json, 
/**
 * When it was last set, in milliseconds since 1970-01-01 UTC.
 */
updatedAt: number, };

/**
 * Names a setting.
 */
export type SettingRef = { 
/**
 * The user whose setting it is; without one, the app's own. A view of one user has that user's alone.
 */
userId?: string, 
/**
 * Its name.
 */
name: string, };

/**
 * Sets a setting.
 */
export type SettingSet = { 
/**
 * The user whose setting it is; without one, the app's own. A view of one user has that user's alone.
 */
userId?: string, 
/**
 * Its name.
 */
name: string, 
/**
 * Its value.
 */
value: Json, };

/**
 * Whose settings to list.
 */
export type SettingList = { 
/**
 * The user; without one, the app. A view of one user has that user's alone.
 */
userId?: string, };

/**
 * Whether a conversation is in use or put away.
 */
export type ConversationStatus = "active" | "archived";

/**
 * A conversation, without its messages.
 */
export type Conversation = { 
/**
 * The readable id, such as `us01-co12`.
 */
id: string, 
/**
 * The user it belongs to.
 */
userId: string, 
/**
 * The UUIDv7 that names the same conversation on another device.
 */
uuid: string, 
/**
 * The title shown to people; may be empty.
 */
title: string, 
/**
 * In use or put away.
 */
status: ConversationStatus, 
/**
 * The context it is in.
 */
context: string, 
/**
 * The app's own fields.
 */
metadata: Metadata, 
/**
 * The last message of the active path; absent while there are no messages.
 */
leafId?: string, 
/**
 * Grows by one with every update, and with every message.
 */
version: number, 
/**
 * Milliseconds since 1970-01-01 UTC.
 */
createdAt: number, 
/**
 * When it or its messages last changed, in milliseconds since 1970-01-01 UTC.
 */
updatedAt: number, 
/**
 * When it was deleted, if it was and can still be restored.
 */
deletedAt?: number, };

/**
 * What a new conversation is made of.
 */
export type NewConversation = { 
/**
 * The user it belongs to, who also becomes its first participant. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The title; empty by default.
 */
title?: string, 
/**
 * The context it goes to; by default what is configured for the user or the app, else `default`.
 */
context?: string, 
/**
 * The app's own fields; none by default.
 */
metadata?: Metadata, 
/**
 * Further participants.
 */
participants?: Array<NewParticipant>, };

/**
 * Names one conversation.
 */
export type ConversationRef = { 
/**
 * The conversation.
 */
id: string, };

/**
 * Changes to a conversation; what is absent stays.
 */
export type ConversationUpdate = { 
/**
 * The conversation.
 */
id: string, 
/**
 * The version the change was made from; `conflict` when it is no longer the current one.
 */
version: number, 
/**
 * A new title.
 */
title?: string, 
/**
 * In use or put away.
 */
status?: ConversationStatus, 
/**
 * The context to move it to.
 */
context?: string, 
/**
 * New fields, replacing all of the old.
 */
metadata?: Metadata, };

/**
 * Which of its times a conversation is ordered by.
 */
export type ConversationTime = "updated" | "created";

/**
 * Which conversations to list. Filters add up.
 */
export type ConversationList = { 
/**
 * The user whose conversations to list. A view of one user may leave it out.
 */
userId?: string, 
/**
 * Only those with this status; `active` by default.
 */
status?: ConversationStatus, 
/**
 * Only those in one of these contexts.
 */
contexts?: Array<string>, 
/**
 * Instead of those in use, only those that are deleted and can be restored.
 */
deleted?: boolean, 
/**
 * Only those in which this participant takes part: a user's id or an agent's name.
 */
participant?: string, 
/**
 * The time to order and filter by: of the last change by default.
 */
by?: ConversationTime, 
/**
 * Newest first by default.
 */
order?: Order, 
/**
 * Only those whose time is at or after this, in milliseconds since 1970-01-01 UTC.
 */
since?: number, 
/**
 * Only those whose time is before this, in milliseconds since 1970-01-01 UTC.
 */
until?: number, 
/**
 * Items per page: 1 to 1,000, 50 by default.
 */
limit?: number, 
/**
 * The `nextCursor` of the page before.
 */
cursor?: string, };

/**
 * What a participant is.
 */
export type ParticipantKind = "user" | "agent";

/**
 * Someone who takes part in a conversation.
 */
export type Participant = { 
/**
 * A user's id, or the app's name for an agent.
 */
id: string, 
/**
 * User or agent.
 */
kind: ParticipantKind, 
/**
 * The name shown to people.
 */
name?: string, 
/**
 * Milliseconds since 1970-01-01 UTC.
 */
addedAt: number, };

/**
 * What a new participant is made of.
 */
export type NewParticipant = { 
/**
 * A user's id, or the app's name for an agent.
 */
id: string, 
/**
 * User or agent.
 */
kind: ParticipantKind, 
/**
 * The name shown to people.
 */
name?: string, };

/**
 * A participant to add to a conversation, or to rename in it.
 */
export type AddParticipant = { 
/**
 * The conversation.
 */
conversationId: string, 
/**
 * Who takes part.
 */
participant: NewParticipant, };

/**
 * Names one participant of a conversation.
 */
export type ParticipantRef = { 
/**
 * The conversation.
 */
conversationId: string, 
/**
 * The participant's id.
 */
id: string, };

/**
 * Whose voice a message is in.
 */
export type Role = "user" | "assistant" | "system" | "tool";

/**
 * How far a message has come.
 */
export type MessageStatus = "streaming" | "complete" | "interrupted" | "error";

/**
 * A message with its content.
 */
export type Message = { 
/**
 * The readable id, such as `us01-co12-ms02`.
 */
id: string, 
/**
 * The conversation it belongs to.
 */
conversationId: string, 
/**
 * The UUIDv7 that names the same message on another device.
 */
uuid: string, 
/**
 * The message before it on its path; absent on a root.
 */
parentId?: string, 
/**
 * Whose voice it is in.
 */
role: Role, 
/**
 * The participant who wrote it.
 */
author?: string, 
/**
 * The model that produced it.
 */
model?: string, 
/**
 * How far it has come.
 */
status: MessageStatus, 
/**
 * What it cost, as the provider reported it.
 */
usage?: Json, 
/**
 * The app's own fields.
 */
metadata: Metadata, 
/**
 * Its text parts joined, up to 1 MiB; U+FFFD stands for each missing chunk.
 */
text: string, 
/**
 * Its parts in order, with the same limit.
 */
parts: Array<Part>, 
/**
 * The numbers of chunks that are missing. Absent when the text is whole.
 */
gaps?: Array<number>, 
/**
 * There is more text than is shown here; read it by its chunks.
 */
truncated?: boolean, 
/**
 * Grows by one with every update; chunks do not count.
 */
version: number, 
/**
 * Milliseconds since 1970-01-01 UTC.
 */
createdAt: number, 
/**
 * Milliseconds since 1970-01-01 UTC.
 */
updatedAt: number, };

/**
 * What a new message is made of. Give `text` or `parts`, or neither for an empty one.
 */
export type NewMessage = { 
/**
 * Whose voice it is in.
 */
role: Role, 
/**
 * Its text, when it is nothing but text.
 */
text?: string, 
/**
 * Its parts, when it is more than text.
 */
parts?: Array<Part>, 
/**
 * The message it follows: the end of the active path by default. The new message becomes the end of the active path.
 */
parentId?: string, 
/**
 * The participant who wrote it.
 */
author?: string, 
/**
 * The model that produced it.
 */
model?: string, 
/**
 * What it cost.
 */
usage?: Json, 
/**
 * The app's own fields; none by default.
 */
metadata?: Metadata, };

/**
 * Appends a message to a conversation.
 */
export type Append = { 
/**
 * The conversation.
 */
conversationId: string, 
/**
 * The message.
 */
message: NewMessage, };

/**
 * Appends messages to a conversation, one after another.
 */
export type AppendAll = { 
/**
 * The conversation.
 */
conversationId: string, 
/**
 * The messages, at most 10,000.
 */
messages: Array<NewMessage>, };

/**
 * What an edit puts beside the original. Give `text` or `parts`; what else is absent is taken over.
 */
export type MessageEdit = { 
/**
 * The message to edit; it stays as it is, on a branch of its own.
 */
id: string, 
/**
 * The new text.
 */
text?: string, 
/**
 * The new parts.
 */
parts?: Array<Part>, 
/**
 * New fields.
 */
metadata?: Metadata, };

/**
 * Changes beside the content; what is absent stays.
 */
export type MessageUpdate = { 
/**
 * The message.
 */
id: string, 
/**
 * The version the change was made from; `conflict` when it is no longer the current one.
 */
version: number, 
/**
 * The model that produced it.
 */
model?: string, 
/**
 * What it cost.
 */
usage?: Json, 
/**
 * New fields, replacing all of the old.
 */
metadata?: Metadata, };

/**
 * Names one message.
 */
export type MessageRef = { 
/**
 * The message.
 */
id: string, };

/**
 * Which messages of a conversation to list.
 */
export type MessagePath = "active" | "all";

/**
 * Which messages to list, and how.
 */
export type MessageList = { 
/**
 * The conversation.
 */
conversationId: string, 
/**
 * The active path by default.
 */
path?: MessagePath, 
/**
 * Newest first by default. The oldest page of an active path costs a look at each of its messages.
 */
order?: Order, 
/**
 * Only messages created at or after this, in milliseconds since 1970-01-01 UTC.
 */
since?: number, 
/**
 * Only messages created before this, in milliseconds since 1970-01-01 UTC.
 */
until?: number, 
/**
 * Items per page: 1 to 1,000, 50 by default.
 */
limit?: number, 
/**
 * The `nextCursor` of the page before.
 */
cursor?: string, };

/**
 * Which chunks of a message to read.
 */
export type ChunkList = { 
/**
 * The message.
 */
id: string, 
/**
 * Items per page: 1 to 1,000, 50 by default.
 */
limit?: number, 
/**
 * The `nextCursor` of the page before.
 */
cursor?: string, };

/**
 * Reads a message's text.
 */
export type TextRead = { 
/**
 * The message.
 */
id: string, 
/**
 * Where the page before ended.
 */
cursor?: string, };

/**
 * A piece of a message's text.
 */
export type TextPage = { 
/**
 * The text; U+FFFD stands for each missing chunk.
 */
text: string, 
/**
 * Where the next page begins; absent on the last.
 */
nextCursor?: string, };

/**
 * A message and the alternatives to it.
 */
export type Siblings = { 
/**
 * All messages with the same parent, in the order they were made.
 */
ids: Array<string>, 
/**
 * The one on the active path, if any is.
 */
activeId?: string, };

/**
 * A piece of a message.
 */
export type Part = { "type": "text", 
/**
 * The text.
 */
text: string, } | { "type": "reasoning", 
/**
 * The text.
 */
text: string, } | { "type": "tool_call", 
/**
 * Names the call, so that its result can be matched.
 */
callId: string, 
/**
 * The tool.
 */
name: string, 
/**
 * What it was called with.
 */
input: Json, } | { "type": "tool_result", 
/**
 * The call it answers.
 */
callId: string, 
/**
 * The answer.
 */
output: Json, 
/**
 * Whether the tool failed.
 */
isError?: boolean, } | { "type": "file", 
/**
 * Where it is: an artifact's id or a URL.
 */
reference: string, 
/**
 * Its name.
 */
name?: string, 
/**
 * Its media type.
 */
mediaType?: string, } | { "type": "data", 
/**
 * Any fields.
 */
data: Metadata, };

/**
 * The two kinds of part whose content is chunks.
 */
export type TextKind = "text" | "reasoning";

/**
 * A stored piece of a message's text.
 */
export type Chunk = { 
/**
 * The readable id, such as `us01-co12-ms02-001`.
 */
id: string, 
/**
 * Its place in the message, from 1.
 */
seq: number, 
/**
 * The part it belongs to, from 0.
 */
part: number, 
/**
 * Whether that part is text or reasoning.
 */
kind: TextKind, 
/**
 * Its text.
 */
text: string, 
/**
 * How many tokens it holds.
 */
tokens: number, 
/**
 * When it was last written, in milliseconds since 1970-01-01 UTC.
 */
at: number, };

/**
 * Where a chart is on its way.
 */
export type ChartPhase = "germination" | "assimilation" | "completion";

/**
 * A chart as a whole.
 */
export type Chart = { 
/**
 * Its id, such as `chart_7`.
 */
id: string, 
/**
 * The user it belongs to.
 */
userId: string, 
/**
 * The context it is in.
 */
context: string, 
/**
 * The name of the entity that stands for it.
 */
entity: string, 
/**
 * Its title.
 */
title: string, 
/**
 * What is to be created.
 */
desiredOutcome: string, 
/**
 * When, as it was given.
 */
dueDate?: string, 
/**
 * How deep it lies below a chart of its own: 0 is the top.
 */
level: number, 
/**
 * Where it is on its way.
 */
phase?: ChartPhase, 
/**
 * The chart above it.
 */
parentChart?: string, 
/**
 * The step of that chart which it was telescoped from.
 */
parentStep?: string, 
/**
 * Its outcome is reached.
 */
completed: boolean, 
/**
 * It was put away.
 */
archived: boolean, 
/**
 * How far it has come.
 */
progress: ChartProgress, 
/**
 * Grows by one or more with every change to the chart.
 */
version: number, 
/**
 * Milliseconds since 1970-01-01 UTC.
 */
createdAt: number, 
/**
 * Milliseconds since 1970-01-01 UTC.
 */
updatedAt: number, };

/**
 * How far a chart has come, with everything below it.
 */
export type ChartProgress = { 
/**
 * Steps that are done, of the chart and of every chart below it.
 */
done: number, 
/**
 * All their steps. One that was telescoped counts beside the steps of its chart.
 */
total: number, 
/**
 * Charts below it.
 */
subCharts: number, 
/**
 * Those of them that are complete.
 */
subChartsDone: number, 
/**
 * What to do next: the open step that is due first, of those that were not telescoped.
 */
nextStep?: ChartStep, };

/**
 * A step of a chart.
 */
export type ChartStep = { 
/**
 * The name of its entity.
 */
name: string, 
/**
 * The chart it is a step of.
 */
chart: string, 
/**
 * What to do.
 */
text: string, 
/**
 * When it is due, as it was given.
 */
dueDate?: string, 
/**
 * It is done.
 */
completed: boolean, 
/**
 * The chart it was telescoped into.
 */
subChart?: string, 
/**
 * The version of its entity.
 */
version: number, };

/**
 * A chart with what it is made of.
 */
export type ChartDetail = { 
/**
 * The chart as a whole.
 */
chart: Chart, 
/**
 * What is the case now.
 */
currentReality: Array<string>, 
/**
 * Its steps, in the order of their lines.
 */
steps: Array<ChartStep>, 
/**
 * The charts directly below it.
 */
subCharts: Array<string>, 
/**
 * The entities it is made of, steps and others, in the order of their lines: up to 1,000.
 */
parts: Array<Entity>, };

/**
 * What a warning is about.
 */
export type ChartWarningCode = "outcome_describes_problem" | "reality_denies_itself" | "due_date_passed";

/**
 * Something to reconsider. The chart is kept as it was given.
 */
export type ChartWarning = { 
/**
 * What it is about.
 */
code: ChartWarningCode, 
/**
 * The words that gave it away, or the date.
 */
found: string, 
/**
 * A sentence for people.
 */
message: string, };

/**
 * A chart that was created or changed, and what to reconsider about it.
 */
export type ReviewedChart = { 
/**
 * The chart.
 */
chart: Chart, 
/**
 * What to reconsider.
 */
warnings: Array<ChartWarning>, };

/**
 * What a new chart is made of.
 */
export type NewChart = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context it goes to; by default what is configured for the user or the app, else `default`.
 */
context?: string, 
/**
 * What is to be created.
 */
desiredOutcome: string, 
/**
 * What is the case now.
 */
currentReality: string, 
/**
 * When the outcome is to be there: `2026-12-31`, or a whole date and time.
 */
dueDate: string, 
/**
 * What to do, in order, at most 1,000. Step i of n is due at start + (end − start)·i/(n + 1).
 */
actionSteps?: Array<string>, 
/**
 * Its title; the outcome by default.
 */
title?: string, 
/**
 * Where it is on its way: `germination` by default.
 */
phase?: ChartPhase, };

/**
 * Names a chart.
 */
export type ChartRef = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context it is in; by default the configured one.
 */
context?: string, 
/**
 * Its id.
 */
chart: string, };

/**
 * Names a step.
 */
export type StepRef = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context it is in; by default the configured one.
 */
context?: string, 
/**
 * The name of its entity.
 */
step: string, };

/**
 * A step to add to a chart.
 */
export type NewStep = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context it is in; by default the configured one.
 */
context?: string, 
/**
 * The chart.
 */
chart: string, 
/**
 * What to do.
 */
text: string, 
/**
 * When it is due; midway between now and the chart's due date by default.
 */
dueDate?: string, };

/**
 * Changes to a step; what is absent stays.
 */
export type StepUpdate = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context it is in; by default the configured one.
 */
context?: string, 
/**
 * The name of its entity.
 */
step: string, 
/**
 * The version the change was made from; `conflict` when it is no longer the current one.
 */
version: number, 
/**
 * What to do.
 */
text?: string, 
/**
 * When it is due.
 */
dueDate?: string, };

/**
 * Makes a chart of a step.
 */
export type Telescope = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context it is in; by default the configured one.
 */
context?: string, 
/**
 * The name of the step's entity. Its text becomes the new chart's outcome, its due date the chart's.
 */
step: string, 
/**
 * What is the case now.
 */
currentReality: string, 
/**
 * What to do, in order, at most 1,000; nothing by default.
 */
actionSteps?: Array<string>, 
/**
 * The new chart's title; the step's text by default.
 */
title?: string, };

/**
 * Changes to a chart; what is absent stays.
 */
export type ChartUpdate = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context it is in; by default the configured one.
 */
context?: string, 
/**
 * Its id.
 */
chart: string, 
/**
 * The version the change was made from; `conflict` when it is no longer the current one.
 */
version: number, 
/**
 * A new title.
 */
title?: string, 
/**
 * The outcome in other words.
 */
desiredOutcome?: string, 
/**
 * Another due date. Its steps keep theirs.
 */
dueDate?: string, };

/**
 * Observations for a chart's current reality.
 */
export type RealityUpdate = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context it is in; by default the configured one.
 */
context?: string, 
/**
 * The chart.
 */
chart: string, 
/**
 * What was observed, each once.
 */
observations: Array<string>, };

/**
 * Sets a chart's phase.
 */
export type PhaseSet = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context it is in; by default the configured one.
 */
context?: string, 
/**
 * The chart.
 */
chart: string, 
/**
 * Where it is on its way.
 */
phase: ChartPhase, };

/**
 * Moves a chart to another context.
 */
export type ChartMove = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context it is in; by default the configured one.
 */
context?: string, 
/**
 * The chart.
 */
chart: string, 
/**
 * The context it goes to.
 */
to: string, };

/**
 * Which charts to list, by whether they are in use.
 */
export type ChartStatus = "active" | "completed" | "archived" | "all";

/**
 * Which charts to list. Filters add up.
 */
export type ChartList = { 
/**
 * The user whose charts to list. A view of one user may leave it out.
 */
userId?: string, 
/**
 * Only those in one of these contexts.
 */
contexts?: Array<string>, 
/**
 * `active` by default: neither complete nor put away.
 */
status?: ChartStatus, 
/**
 * Only those in this phase.
 */
phase?: ChartPhase, 
/**
 * Only those that hang below no other chart.
 */
topLevel?: boolean, 
/**
 * Only those due at or after this, in milliseconds since 1970-01-01 UTC.
 */
dueSince?: number, 
/**
 * Only those due before this, in milliseconds since 1970-01-01 UTC.
 */
dueUntil?: number, 
/**
 * Items per page: 1 to 1,000, 50 by default.
 */
limit?: number, 
/**
 * The `nextCursor` of the page before.
 */
cursor?: string, };

/**
 * Lists the charts directly below one.
 */
export type ChartChildren = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context it is in; by default the configured one.
 */
context?: string, 
/**
 * The chart.
 */
chart: string, 
/**
 * Items per page: 1 to 1,000, 50 by default.
 */
limit?: number, 
/**
 * The `nextCursor` of the page before.
 */
cursor?: string, };

/**
 * What happened to a chart.
 */
export type ChartEventKind = "created" | "step_added" | "step_telescoped" | "step_completed" | "step_removed" | "completed" | "phase_changed" | "reality_updated" | "outcome_changed" | "title_changed" | "due_date_changed" | "moved" | "archived" | "unarchived" | "removed";

/**
 * Something that happened to a chart. Events outlive their chart, until their context is cleared or deleted.
 */
export type ChartEvent = { 
/**
 * The context the chart is in.
 */
context: string, 
/**
 * The chart.
 */
chart: string, 
/**
 * What happened.
 */
kind: ChartEventKind, 
/**
 * The name of the entity it happened to, where that is not the chart as a whole.
 */
entity?: string, 
/**
 * More, as the kind says.
 */
detail?: string, 
/**
 * When, in milliseconds since 1970-01-01 UTC.
 */
at: number, };

/**
 * Which events to list. Filters add up.
 */
export type ChartEventList = { 
/**
 * The user whose charts they happened to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * Only those in one of these contexts.
 */
contexts?: Array<string>, 
/**
 * Only those of this chart.
 */
chart?: string, 
/**
 * Only those of these kinds.
 */
kinds?: Array<ChartEventKind>, 
/**
 * Only those at or after this, in milliseconds since 1970-01-01 UTC.
 */
since?: number, 
/**
 * Only those before this, in milliseconds since 1970-01-01 UTC.
 */
until?: number, 
/**
 * Newest first by default.
 */
order?: Order, 
/**
 * Items per page: 1 to 1,000, 50 by default.
 */
limit?: number, 
/**
 * The `nextCursor` of the page before.
 */
cursor?: string, };

/**
 * What is wrong.
 */
export type ChartFindingCode = "relation_end_missing" | "part_missing" | "part_duplicate" | "chart_id_missing" | "hierarchy_cycle" | "parent_missing" | "telescope_one_sided" | "due_date_out_of_order" | "completed_with_open_steps" | "time_unreadable" | "phase_unknown" | "line_set_aside";

/**
 * Something that is wrong.
 */
export type ChartFinding = { 
/**
 * What.
 */
code: ChartFindingCode, 
/**
 * In which chart.
 */
chart?: string, 
/**
 * At which entity.
 */
entity?: string, 
/**
 * A sentence for people.
 */
message: string, };

/**
 * What a check looked at and found.
 */
export type ChartCheck = { 
/**
 * Entities looked at.
 */
entities: number, 
/**
 * Relations looked at.
 */
relations: number, 
/**
 * Charts looked at.
 */
charts: number, 
/**
 * What is wrong, up to 1,000 findings.
 */
findings: Array<ChartFinding>, 
/**
 * There are more findings than are shown.
 */
truncated: boolean, };

/**
 * A thing with a name, and what was observed of it.
 */
export type Entity = { 
/**
 * Its UUIDv7, by which its history is found.
 */
id: string, 
/**
 * The user it belongs to.
 */
userId: string, 
/**
 * The context whose graph it is in.
 */
context: string, 
/**
 * Its name, which no other entity of this graph has.
 */
name: string, 
/**
 * What it is: `structural_tension_chart`, `action_step`, or any other word.
 */
entityType: string, 
/**
 * What was observed, in order.
 */
observations: Array<string>, 
/**
 * Its own fields, in their order.
 */
metadata: Metadata, 
/**
 * Grows by one with every change.
 */
version: number, 
/**
 * Milliseconds since 1970-01-01 UTC.
 */
createdAt: number, 
/**
 * Milliseconds since 1970-01-01 UTC.
 */
updatedAt: number, };

/**
 * What a new entity is made of.
 */
export type NewEntity = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context it goes to; by default what is configured for the user or the app, else `default`.
 */
context?: string, 
/**
 * Its name: any that is not taken in this graph.
 */
name: string, 
/**
 * What it is.
 */
entityType: string, 
/**
 * What was observed, in order; nothing by default.
 */
observations?: Array<string>, 
/**
 * Its own fields; none by default.
 */
metadata?: Metadata, };

/**
 * Names an entity of a graph.
 */
export type EntityRef = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context it is in; by default the configured one.
 */
context?: string, 
/**
 * Its name.
 */
name: string, };

/**
 * Changes to an entity; what is absent stays.
 */
export type EntityUpdate = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context it is in; by default the configured one.
 */
context?: string, 
/**
 * Its name.
 */
name: string, 
/**
 * The version the change was made from; `conflict` when it is no longer the current one.
 */
version: number, 
/**
 * Another type.
 */
entityType?: string, 
/**
 * New fields, replacing all of the old.
 */
metadata?: Metadata, };

/**
 * Observations to add to an entity, or to take from it.
 */
export type Observations = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context it is in; by default the configured one.
 */
context?: string, 
/**
 * The entity's name.
 */
name: string, 
/**
 * The observations.
 */
observations: Array<string>, };

/**
 * Which entities of a graph to list. Filters add up.
 */
export type EntityList = { 
/**
 * The user whose graph it is. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context whose graph it is; by default the configured one.
 */
context?: string, 
/**
 * Only those whose name begins with this; with `*` in it, those whose whole name it matches, `*` being any text.
 */
name?: string, 
/**
 * Only those with this text in their name or in an observation, in upper or lower case.
 */
text?: string, 
/**
 * Only those of this type.
 */
entityType?: string, 
/**
 * Only those with this `chartId`.
 */
chart?: string, 
/**
 * Items per page: 1 to 1,000, 50 by default. A page may hold fewer, and still name a next one.
 */
limit?: number, 
/**
 * The `nextCursor` of the page before.
 */
cursor?: string, };

/**
 * A directed relation between two names. An end need not be there.
 */
export type Relation = { 
/**
 * Its UUIDv7, by which its history is found.
 */
id: string, 
/**
 * The user it belongs to.
 */
userId: string, 
/**
 * The context whose graph it is in.
 */
context: string, 
/**
 * The name of the entity it leads from.
 */
from: string, 
/**
 * The name of the entity it leads to.
 */
to: string, 
/**
 * What it says: `contains`, `telescopes_into`, or any other word.
 */
relationType: string, 
/**
 * Its own fields in their order, such as `strength`.
 */
metadata: Metadata, 
/**
 * Grows by one with every change.
 */
version: number, 
/**
 * Milliseconds since 1970-01-01 UTC.
 */
createdAt: number, 
/**
 * Milliseconds since 1970-01-01 UTC.
 */
updatedAt: number, };

/**
 * What a new relation is made of.
 */
export type NewRelation = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context it goes to; by default what is configured for the user or the app, else `default`.
 */
context?: string, 
/**
 * The name of the entity it leads from.
 */
from: string, 
/**
 * The name of the entity it leads to.
 */
to: string, 
/**
 * What it says.
 */
relationType: string, 
/**
 * Its own fields, such as `strength`; none by default.
 */
metadata?: Metadata, };

/**
 * Names a relation of a graph.
 */
export type RelationRef = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context it is in; by default the configured one.
 */
context?: string, 
/**
 * The name of the entity it leads from.
 */
from: string, 
/**
 * The name of the entity it leads to.
 */
to: string, 
/**
 * What it says.
 */
relationType: string, };

/**
 * New fields for a relation.
 */
export type RelationUpdate = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context it is in; by default the configured one.
 */
context?: string, 
/**
 * The name of the entity it leads from.
 */
from: string, 
/**
 * The name of the entity it leads to.
 */
to: string, 
/**
 * What it says.
 */
relationType: string, 
/**
 * The version the change was made from; `conflict` when it is no longer the current one.
 */
version: number, 
/**
 * New fields, replacing all of the old.
 */
metadata: Metadata, };

/**
 * Which relations of a graph to list. Filters add up.
 */
export type RelationList = { 
/**
 * The user whose graph it is. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context whose graph it is; by default the configured one.
 */
context?: string, 
/**
 * Only those with this name at one of their ends.
 */
entity?: string, 
/**
 * Only those of this type.
 */
relationType?: string, 
/**
 * Items per page: 1 to 1,000, 50 by default.
 */
limit?: number, 
/**
 * The `nextCursor` of the page before.
 */
cursor?: string, };

/**
 * Reads a graph, or the lines it stands for, page by page.
 */
export type GraphRead = { 
/**
 * The user whose graph it is. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context whose graph it is; by default the configured one.
 */
context?: string, 
/**
 * Items per page: 1 to 1,000, 50 by default. A page ends before that when its text is long.
 */
limit?: number, 
/**
 * The `nextCursor` of the page before.
 */
cursor?: string, };

/**
 * A piece of a graph.
 */
export type GraphPage = { 
/**
 * Entities, in the order of their lines.
 */
entities: Array<Entity>, 
/**
 * Relations, in the order of their lines.
 */
relations: Array<Relation>, 
/**
 * Where the next page begins; absent on the last.
 */
nextCursor?: string, };

/**
 * Names a graph.
 */
export type GraphRef = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context it is in; by default the configured one.
 */
context?: string, };

/**
 * Loads JSON Lines into a graph.
 */
export type LoadLines = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context they go to; by default what is configured for the user or the app, else `default`.
 */
context?: string, 
/**
 * The lines: at most 10,000, and 8 MiB. A longer file is loaded piece by piece.
 */
text: string, };

/**
 * What became of a loaded line.
 */
export type LineOutcome = "entity" | "relation" | "kept" | "present" | "set_aside";

/**
 * A line that was loaded.
 */
export type LoadedLine = { 
/**
 * Its number in the text, from 1.
 */
line: number, 
/**
 * What became of it.
 */
outcome: LineOutcome, 
/**
 * Why it was set aside.
 */
reason?: string, };

/**
 * What became of loaded lines.
 */
export type LoadReport = { 
/**
 * The context they went to.
 */
context: string, 
/**
 * Lines that became entities.
 */
entities: number, 
/**
 * Lines that became relations.
 */
relations: number, 
/**
 * Lines that were set aside.
 */
setAside: number, 
/**
 * Every line, in order.
 */
lines: Array<LoadedLine>, };

/**
 * A piece of a graph's lines.
 */
export type LinePage = { 
/**
 * Whole lines, each with its end.
 */
text: string, 
/**
 * Where the next page begins; absent on the last.
 */
nextCursor?: string, };

/**
 * When bundles and chunks close.
 */
export type StreamSettings = { 
/**
 * Tokens at which a bundle closes; 20 by default.
 */
bundleTokens: number, 
/**
 * Milliseconds after which a bundle closes all the same; 500 by default.
 */
bundleMs: number, 
/**
 * Tokens at which a chunk closes; 60 by default.
 */
chunkTokens: number, };

/**
 * Begins a streamed message.
 */
export type StreamBegin = { 
/**
 * The conversation.
 */
conversationId: string, 
/**
 * The message, without content.
 */
message: NewMessage, 
/**
 * When bundles and chunks close; the store's settings by default.
 */
settings?: StreamSettings, };

/**
 * Takes up a message whose stream was interrupted.
 */
export type StreamContinue = { 
/**
 * The message.
 */
id: string, 
/**
 * When bundles and chunks close; the store's settings by default.
 */
settings?: StreamSettings, };

/**
 * An open stream.
 */
export type StreamOpened = { 
/**
 * The stream's number, for this worker's lifetime.
 */
stream: number, 
/**
 * The message as it is now.
 */
message: Message, };

/**
 * Deltas of a stream, in order.
 */
export type StreamWrite = { 
/**
 * The stream.
 */
stream: number, 
/**
 * The deltas; empty ones are allowed.
 */
deltas: Array<string>, 
/**
 * How many tokens each delta holds; by their length when absent.
 */
tokens?: Array<number>, 
/**
 * Text by default.
 */
kind?: TextKind, 
/**
 * Whether what has gathered is to be kept then; not by default.
 */
flush?: boolean, };

/**
 * A part that is not text, between the texts of a stream.
 */
export type StreamPart = { 
/**
 * The stream.
 */
stream: number, 
/**
 * The part.
 */
part: Part, };

/**
 * Names an open stream.
 */
export type StreamRef = { 
/**
 * The stream.
 */
stream: number, };

/**
 * Ends a stream.
 */
export type StreamEnd = { 
/**
 * The stream.
 */
stream: number, 
/**
 * What becomes of the message: `complete`, `interrupted` or `error`.
 */
status: MessageStatus, 
/**
 * What it cost, as the provider reported it.
 */
usage?: Json, };

/**
 * Sets when bundles and chunks close.
 */
export type StreamConfigure = { 
/**
 * One open stream; without it, all open streams and those to come.
 */
stream?: number, 
/**
 * The settings.
 */
settings: StreamSettings, };

/**
 * How far a stream is kept.
 */
export type StreamProgress = { 
/**
 * Characters kept so far, as JavaScript counts them (UTF-16).
 */
acknowledged: number, 
/**
 * Bundles closed so far.
 */
bundles: number, 
/**
 * Chunks begun so far.
 */
chunks: number, };

/**
 * What all streams have done since the store was opened.
 */
export type StreamStats = { 
/**
 * Streams open now.
 */
open: number, 
/**
 * Deltas taken.
 */
deltas: number, 
/**
 * Tokens taken.
 */
tokens: number, 
/**
 * Bundles closed.
 */
bundles: number, 
/**
 * Chunks begun.
 */
chunks: number, 
/**
 * From a bundle's first delta to its being kept.
 */
bundleLatency: LatencySummary, 
/**
 * From the arrival of what grew a chunk to its being kept.
 */
chunkLatency: LatencySummary, };

/**
 * Begins to follow a message.
 */
export type Follow = { 
/**
 * The message.
 */
id: string, };

/**
 * What a follower begins with; the bundles it is sent continue exactly here.
 */
export type Followed = { 
/**
 * The follower's number, for this worker's lifetime.
 */
follower: number, 
/**
 * The message as it is kept now.
 */
message: Message, };

/**
 * Names a follower.
 */
export type FollowerRef = { 
/**
 * The follower.
 */
follower: number, };

/**
 * Something a follower is told, once it is kept.
 */
export type FollowerNews = { 
/**
 * The follower.
 */
follower: number, 
/**
 * What happened.
 */
news: News, };

/**
 * What happened to a followed message.
 */
export type News = { "type": "bundle", 
/**
 * Text or reasoning.
 */
kind: TextKind, 
/**
 * The text.
 */
text: string, 
/**
 * Its tokens.
 */
tokens: number, } | { "type": "part", 
/**
 * The part.
 */
part: Part, } | { "type": "end", 
/**
 * What became of the message.
 */
status: MessageStatus, };

/**
 * When a write is answered.
 */
export type Durability = "strict" | "relaxed";

/**
 * What an app may choose when it opens a store.
 */
export type EngineOptions = { 
/**
 * When a write is answered: `strict` by default.
 */
durability?: Durability, 
/**
 * When bundles and chunks close.
 */
stream?: StreamSettings, };

/**
 * Changes when writes are answered.
 */
export type SetDurability = { 
/**
 * The new durability.
 */
durability: Durability, };

/**
 * Figures of the running store.
 */
export type StoreStats = { 
/**
 * The last journal line.
 */
journalSeq: number, 
/**
 * Journal segments.
 */
journalSegments: number, 
/**
 * Bytes of journal, before compression, since the newest snapshot.
 */
journalBytes: number, 
/**
 * The schema version.
 */
schema: number, 
/**
 * What streams have done.
 */
streams: StreamStats, };

/**
 * A latency's summary, in microseconds.
 */
export type LatencySummary = { 
/**
 * How many were measured.
 */
count: number, 
/**
 * The mean.
 */
meanUs: number, 
/**
 * Half took no longer.
 */
p50Us: number, 
/**
 * 99 in 100 took no longer.
 */
p99Us: number, 
/**
 * The longest.
 */
maxUs: number, };

/**
 * No arguments.
 */
export type NoArguments = Record<symbol, never>;

/**
 * Migrates the schema.
 */
export type MigrateTo = { 
/**
 * The version to migrate to.
 */
to: number, };

/**
 * A migration as it stands in this store.
 */
export type MigrationStatus = { 
/**
 * Its number.
 */
version: number, 
/**
 * Its name.
 */
name: string, 
/**
 * The checksum of its SQL, both ways.
 */
checksum: string, 
/**
 * When it was applied, in milliseconds since 1970-01-01 UTC; absent when it is not.
 */
appliedAt?: number, };

/**
 * How far a migration has come.
 */
export type MigrationProgress = { 
/**
 * Steps taken.
 */
done: number, 
/**
 * Steps in all.
 */
total: number, 
/**
 * The schema version reached.
 */
version: number, };

/**
 * Something that happened in the store.
 */
export type Event = { "type": "log" } & LogEvent | { "type": "recovery" } & Recovery | { "type": "trouble" } & Trouble;

/**
 * A measured step.
 */
export type LogEvent = { 
/**
 * What was measured.
 */
kind: LogKind, 
/**
 * The record or file it was about.
 */
id?: string, 
/**
 * Bytes moved.
 */
bytes: number, 
/**
 * Lines, rows, tokens or writes, by kind.
 */
count: number, 
/**
 * How long it took, in microseconds.
 */
us: number, };

/**
 * What a log event measured.
 */
export type LogKind = "chunk_written" | "chunks_read" | "bundle" | "append" | "flush" | "commit" | "checkpoint" | "snapshot" | "open";

/**
 * What was wrong, what was done, and what could not be saved.
 */
export type Recovery = { 
/**
 * When, in milliseconds since 1970-01-01 UTC.
 */
at: number, 
/**
 * Why; several causes can come together.
 */
causes: Array<RecoveryCause>, 
/**
 * The snapshot that the database was rebuilt from, by its last journal line.
 */
snapshot?: number, 
/**
 * Journal lines applied again.
 */
replayed: number, 
/**
 * Bytes at the journal's end that had never been acknowledged and were dropped.
 */
tornBytes: number, 
/**
 * Files set aside in `quarantine/`.
 */
quarantined: Array<string>, 
/**
 * What did not check, and what could not be saved; empty when nothing was lost.
 */
damage: Array<string>, 
/**
 * Messages whose streams had been cut off.
 */
interrupted: Array<string>, };

/**
 * Why a recovery was needed.
 */
export type RecoveryCause = "unclosed" | "database_damaged" | "database_missing" | "journal_behind" | "journal_damaged";

/**
 * A failure behind the scenes.
 */
export type Trouble = { 
/**
 * What was being done.
 */
during: string, 
/**
 * The error's code.
 */
code: Code, 
/**
 * The error's message.
 */
message: string, };

/** Every method by name: what it takes and what it gives. */
export interface Methods {
  'users.create': { args: NewUser; result: User };
  'users.get': { args: UserRef; result: User };
  'users.list': { args: UserList; result: Page<User> };
  'users.update': { args: UserUpdate; result: User };
  'users.delete': { args: UserRef; result: void };
  'contexts.create': { args: ContextRef; result: Context };
  'contexts.get': { args: ContextRef; result: Context };
  'contexts.list': { args: ContextList; result: Array<Context> };
  'contexts.rename': { args: ContextRename; result: Context };
  'contexts.delete': { args: ContextRef; result: void };
  'settings.set': { args: SettingSet; result: Setting };
  'settings.get': { args: SettingRef; result: Setting | null };
  'settings.list': { args: SettingList; result: Array<Setting> };
  'settings.remove': { args: SettingRef; result: void };
  'conversations.create': { args: NewConversation; result: Conversation };
  'conversations.get': { args: ConversationRef; result: Conversation };
  'conversations.list': { args: ConversationList; result: Page<Conversation> };
  'conversations.update': { args: ConversationUpdate; result: Conversation };
  'conversations.archive': { args: ConversationRef; result: Conversation };
  'conversations.unarchive': { args: ConversationRef; result: Conversation };
  'conversations.remove': { args: ConversationRef; result: Conversation };
  'conversations.restore': { args: ConversationRef; result: Conversation };
  'conversations.delete': { args: ConversationRef; result: void };
  'conversations.participants': { args: ConversationRef; result: Array<Participant> };
  'conversations.addParticipant': { args: AddParticipant; result: Array<Participant> };
  'conversations.removeParticipant': { args: ParticipantRef; result: Array<Participant> };
  'messages.append': { args: Append; result: Message };
  'messages.appendAll': { args: AppendAll; result: Array<string> };
  'messages.get': { args: MessageRef; result: Message };
  'messages.list': { args: MessageList; result: Page<Message> };
  'messages.edit': { args: MessageEdit; result: Message };
  'messages.update': { args: MessageUpdate; result: Message };
  'messages.delete': { args: MessageRef; result: void };
  'messages.switchBranch': { args: MessageRef; result: Conversation };
  'messages.siblings': { args: MessageRef; result: Siblings };
  'messages.text': { args: TextRead; result: TextPage };
  'messages.chunks': { args: ChunkList; result: Page<Chunk> };
  'charts.create': { args: NewChart; result: ReviewedChart };
  'charts.get': { args: ChartRef; result: ChartDetail };
  'charts.list': { args: ChartList; result: Page<Chart> };
  'charts.children': { args: ChartChildren; result: Page<Chart> };
  'charts.progress': { args: ChartRef; result: ChartProgress };
  'charts.update': { args: ChartUpdate; result: ReviewedChart };
  'charts.updateReality': { args: RealityUpdate; result: ReviewedChart };
  'charts.setPhase': { args: PhaseSet; result: Chart };
  'charts.addStep': { args: NewStep; result: ChartStep };
  'charts.updateStep': { args: StepUpdate; result: ChartStep };
  'charts.telescope': { args: Telescope; result: ReviewedChart };
  'charts.completeStep': { args: StepRef; result: Chart };
  'charts.complete': { args: ChartRef; result: Chart };
  'charts.removeStep': { args: StepRef; result: void };
  'charts.remove': { args: ChartRef; result: void };
  'charts.move': { args: ChartMove; result: Chart };
  'charts.archive': { args: ChartRef; result: Chart };
  'charts.unarchive': { args: ChartRef; result: Chart };
  'charts.events': { args: ChartEventList; result: Page<ChartEvent> };
  'charts.check': { args: GraphRef; result: ChartCheck };
  'charts.addEntity': { args: NewEntity; result: Entity };
  'charts.getEntity': { args: EntityRef; result: Entity };
  'charts.entities': { args: EntityList; result: Page<Entity> };
  'charts.updateEntity': { args: EntityUpdate; result: Entity };
  'charts.addObservations': { args: Observations; result: Entity };
  'charts.removeObservations': { args: Observations; result: Entity };
  'charts.deleteEntity': { args: EntityRef; result: void };
  'charts.addRelation': { args: NewRelation; result: Relation };
  'charts.relations': { args: RelationList; result: Page<Relation> };
  'charts.updateRelation': { args: RelationUpdate; result: Relation };
  'charts.deleteRelation': { args: RelationRef; result: void };
  'charts.graph': { args: GraphRead; result: GraphPage };
  'charts.load': { args: LoadLines; result: LoadReport };
  'charts.lines': { args: GraphRead; result: LinePage };
  'charts.clear': { args: GraphRef; result: void };
}

/** Contexts: work, personal, learning, …: a user's domains of life, kept apart. A context is there once a record goes to it. */
export interface Contexts {
  /** Creates a context, so that it is listed before anything is in it. Doing so twice is doing so once. */
  create(args: ContextRef, options?: WriteOptions): Promise<Context>;
  /** Reads a context with its counts. Rejects with `not_found`. */
  get(args: ContextRef, options?: CallOptions): Promise<Context>;
  /** Lists a user's contexts by name. */
  list(args?: ContextList, options?: CallOptions): Promise<Array<Context>>;
  /** Gives a context another name, or moves all its records to one that is there already. */
  rename(args: ContextRename, options?: WriteOptions): Promise<Context>;
  /** Deletes an empty context. Rejects with `conflict` while anything is in it. */
  delete(args: ContextRef, options?: WriteOptions): Promise<void>;
}

/** Settings: named JSON values of the app, or of one user. */
export interface Settings {
  /** Sets a setting. */
  set(args: SettingSet, options?: WriteOptions): Promise<Setting>;
  /** Reads a setting; null if it is not set. */
  get(args: SettingRef, options?: CallOptions): Promise<Setting | null>;
  /** Lists all settings of a user, or of the app, by name. */
  list(args?: SettingList, options?: CallOptions): Promise<Array<Setting>>;
  /** Unsets a setting. Doing so twice is doing so once. */
  remove(args: SettingRef, options?: WriteOptions): Promise<void>;
}

/** Charts: graphs of entities, observations and relations, one per user and context, with structural tension charts on top. */
export interface Charts {
  /** Creates a chart with its parts and their relations, and says what to reconsider about it. */
  create(args: NewChart, options?: WriteOptions): Promise<ReviewedChart>;
  /** Reads a chart with what it is made of; the charts below it are named. Rejects with `not_found`. */
  get(args: ChartRef, options?: CallOptions): Promise<ChartDetail>;
  /** Lists charts by due date, the next first. Without a filter: those that are neither complete nor put away. */
  list(args: ChartList, options?: CallOptions): Promise<Page<Chart>>;
  /** Lists the charts directly below one. */
  children(args: ChartChildren, options?: CallOptions): Promise<Page<Chart>>;
  /** Reads how far a chart has come, with every chart below it. */
  progress(args: ChartRef, options?: CallOptions): Promise<ChartProgress>;
  /** Changes a chart's title, outcome or due date. Rejects with `conflict` when it moved on since the version given. */
  update(args: ChartUpdate, options?: WriteOptions): Promise<ReviewedChart>;
  /** Adds observations to a chart's current reality, each once. */
  updateReality(args: RealityUpdate, options?: WriteOptions): Promise<ReviewedChart>;
  /** Sets a chart's phase. */
  setPhase(args: PhaseSet, options?: WriteOptions): Promise<Chart>;
  /** Adds a step to a chart. Rejects with `conflict` when the chart is complete. */
  addStep(args: NewStep, options?: WriteOptions): Promise<ChartStep>;
  /** Changes a step's text or due date. Rejects with `conflict` when it moved on since the version given. */
  updateStep(args: StepUpdate, options?: WriteOptions): Promise<ChartStep>;
  /** Makes a chart of a step, linked both ways. Rejects with `conflict` when it is done or a chart already. */
  telescope(args: Telescope, options?: WriteOptions): Promise<ReviewedChart>;
  /** Completes a step; its chart's current reality gains `Completed: <step>` once. A chart whose steps are all done is complete,
   * and with it the step it was telescoped from, all the way up. */
  completeStep(args: StepRef, options?: WriteOptions): Promise<Chart>;
  /** Completes a chart, and the step it was telescoped from, all the way up. Its own steps stay as they are. */
  complete(args: ChartRef, options?: WriteOptions): Promise<Chart>;
  /** Removes a step with its relations, and the chart it was telescoped into with everything below. */
  removeStep(args: StepRef, options?: WriteOptions): Promise<void>;
  /** Removes a chart with its parts, their relations, and every chart below it. */
  remove(args: ChartRef, options?: WriteOptions): Promise<void>;
  /** Moves a chart and every chart below it to another context. Rejects with `conflict` when something it is linked to would
   * stay, or one of its names is taken there. */
  move(args: ChartMove, options?: WriteOptions): Promise<Chart>;
  /** Puts a chart and every chart below it away. Doing so twice is doing so once. */
  archive(args: ChartRef, options?: WriteOptions): Promise<Chart>;
  /** Takes up again what was put away. */
  unarchive(args: ChartRef, options?: WriteOptions): Promise<Chart>;
  /** Lists what moved when, in which chart. */
  events(args: ChartEventList, options?: CallOptions): Promise<Page<ChartEvent>>;
  /** Checks the graph of a context; each finding has a code. Nothing is changed. */
  check(args?: GraphRef, options?: CallOptions): Promise<ChartCheck>;
  /** Adds an entity to a graph. Rejects with `conflict` when its name is taken. */
  addEntity(args: NewEntity, options?: WriteOptions): Promise<Entity>;
  /** Reads an entity by its name. Rejects with `not_found`. */
  getEntity(args: EntityRef, options?: CallOptions): Promise<Entity>;
  /** Lists a graph's entities by name: those whose name a pattern matches, those that mention a text, or all. */
  entities(args: EntityList, options?: CallOptions): Promise<Page<Entity>>;
  /** Changes an entity's type or fields. Rejects with `conflict` when it moved on since the version given. */
  updateEntity(args: EntityUpdate, options?: WriteOptions): Promise<Entity>;
  /** Adds observations to an entity, each once. */
  addObservations(args: Observations, options?: WriteOptions): Promise<Entity>;
  /** Takes observations from an entity; those that it does not have are gone already. */
  removeObservations(args: Observations, options?: WriteOptions): Promise<Entity>;
  /** Deletes an entity with its observations and every relation it is an end of. */
  deleteEntity(args: EntityRef, options?: WriteOptions): Promise<void>;
  /** Adds a relation to a graph; the same one twice is there once. Rejects with `conflict` when it is there with other fields. */
  addRelation(args: NewRelation, options?: WriteOptions): Promise<Relation>;
  /** Lists a graph's relations in the order of their lines. */
  relations(args: RelationList, options?: CallOptions): Promise<Page<Relation>>;
  /** Gives a relation other fields. Rejects with `conflict` when it moved on since the version given. */
  updateRelation(args: RelationUpdate, options?: WriteOptions): Promise<Relation>;
  /** Deletes a relation. */
  deleteRelation(args: RelationRef, options?: WriteOptions): Promise<void>;
  /** Reads a graph in the order of its lines, page by page. */
  graph(args: GraphRead, options?: CallOptions): Promise<GraphPage>;
  /** Loads JSON Lines into a graph and says what became of each. What cannot be taken is set aside and kept as it is. */
  load(args: LoadLines, options?: WriteOptions): Promise<LoadReport>;
  /** Writes a graph as JSON Lines, page by page: loaded files come out as they went in, with what changed since. */
  lines(args: GraphRead, options?: CallOptions): Promise<LinePage>;
  /** Deletes a whole graph with every line, and forgets what happened in its charts. */
  clear(args?: GraphRef, options?: WriteOptions): Promise<void>;
}

/** The groups that are made from the table of methods. */
export interface Groups {
  /** Contexts: work, personal, learning, …: a user's domains of life, kept apart. A context is there once a record goes to it. */
  readonly contexts: Contexts;
  /** Settings: named JSON values of the app, or of one user. */
  readonly settings: Settings;
  /** Charts: graphs of entities, observations and relations, one per user and context, with structural tension charts on top. */
  readonly charts: Charts;
}
