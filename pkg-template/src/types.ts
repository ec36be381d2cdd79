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
 * What was read ahead.
 */
export type ContextPreload = { 
/**
 * Conversations that were listed.
 */
conversations: number, 
/**
 * Messages that were read.
 */
messages: number, 
/**
 * Constructs that were listed.
 */
constructs: number, 
/**
 * Learnings that were listed.
 */
learnings: number, 
/**
 * Bytes of the messages' text.
 */
textBytes: number, };

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
 * An erasure: which record, and how far it has come. It never says what the record held.
 */
export type Erasure = { 
/**
 * Its number, from 1.
 */
number: number, 
/**
 * The id of the user, conversation or construct that is gone.
 */
record: string, 
/**
 * When it was asked for, in milliseconds since 1970-01-01 UTC.
 */
requestedAt: number, 
/**
 * When the last file no longer held anything of it; absent until then.
 */
doneAt?: number, 
/**
 * Journal segments that were rewritten for it.
 */
segments: number, 
/**
 * Files set aside as damaged that were removed for it: what cannot be read cannot be searched.
 */
setAside: number, 
/**
 * Archives that left the store before, by the names they were offered under, and may hold it: they cannot be reached.
 */
outOfReach: Array<string>, };

/**
 * Names what to erase.
 */
export type EraseRecord = { 
/**
 * The id of a user, a conversation or a construct.
 */
id: string, };

/**
 * Which erasures to list.
 */
export type ErasureList = { 
/**
 * Items per page: 1 to 1,000, 50 by default.
 */
limit?: number, 
/**
 * The `nextCursor` of the page before.
 */
cursor?: string, };

/**
 * What becomes of a record that has come of age.
 */
export type RetentionAction = "archive" | "remove" | "delete";

/**
 * A policy.
 */
export type RetentionPolicy = { 
/**
 * Its number, from 1.
 */
policy: number, 
/**
 * The user whose records it is for; absent on the app's own, which are for every user's.
 */
userId?: string, 
/**
 * Which records: `conversations`, `constructs`, `learnings`, `jobs` (those that have ended) or `charts` (complete ones that
 * hang below no other, each with every chart below it).
 */
kind: string, 
/**
 * Only those in this context.
 */
context?: string, 
/**
 * Only those with this status; soft-deleted ones have the status `removed`.
 */
status?: string, 
/**
 * How long ago a record must have changed last, in milliseconds.
 */
ageMs: number, 
/**
 * How many of each user's records that fit are kept however old they are, the newest ones.
 */
keep: number, 
/**
 * What becomes of the others.
 */
action: RetentionAction, 
/**
 * Whether it runs by itself, once a day.
 */
enabled: boolean, 
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
updatedAt: number, 
/**
 * When it last ran to its end, in milliseconds since 1970-01-01 UTC.
 */
runAt?: number, 
/**
 * How many records it has let go of since it was made.
 */
runCount: number, };

/**
 * What a new policy is made of.
 */
export type NewRetentionPolicy = { 
/**
 * The user whose records it is for; by default every user's, or in a view of one user that user's.
 */
userId?: string, 
/**
 * Which records: `conversations`, `constructs`, `learnings`, `jobs` (those that have ended) or `charts` (complete ones that
 * hang below no other, each with every chart below it).
 */
kind: string, 
/**
 * Only those in this context; jobs are in none.
 */
context?: string, 
/**
 * Only those with this status: `active`, `archived` or `removed` conversations, constructs by their status or `removed`,
 * `done`, `dead` or `cancelled` jobs, `completed` or `archived` charts; learnings have none.
 */
status?: string, 
/**
 * How long ago a record must have changed last, in milliseconds.
 */
ageMs: number, 
/**
 * How many of each user's records that fit are kept in any case; none by default.
 */
keep?: number, 
/**
 * What becomes of the others.
 */
action: RetentionAction, 
/**
 * Whether it runs by itself, once a day; it does by default.
 */
enabled?: boolean, };

/**
 * Changes to a policy; what is absent stays.
 */
export type RetentionPolicyUpdate = { 
/**
 * The policy.
 */
policy: number, 
/**
 * The version the change was made from; `conflict` when it is no longer the current one.
 */
version: number, 
/**
 * A new age, in milliseconds.
 */
ageMs?: number, 
/**
 * How many are kept in any case.
 */
keep?: number, 
/**
 * What becomes of the others.
 */
action?: RetentionAction, 
/**
 * Whether it runs by itself.
 */
enabled?: boolean, };

/**
 * Names a policy.
 */
export type RetentionPolicyRef = { 
/**
 * The policy.
 */
policy: number, };

/**
 * Which policies to list.
 */
export type RetentionPolicyList = { 
/**
 * Items per page: 1 to 1,000, 50 by default.
 */
limit?: number, 
/**
 * The `nextCursor` of the page before.
 */
cursor?: string, };

/**
 * Runs a slice of a policy, or rehearses it.
 */
export type RetentionRun = { 
/**
 * The policy.
 */
policy: number, 
/**
 * How many records at most: 1 to 1,000, 50 by default.
 */
limit?: number, };

/**
 * What a policy does, or would do.
 */
export type RetentionReport = { 
/**
 * The ids of the records. That of a chart comes with its user and context: `us01/work/chart_7`.
 */
ids: Array<string>, 
/**
 * What becomes of them.
 */
action: RetentionAction, 
/**
 * Whether there are more.
 */
more: boolean, };

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
 * The session that it is the transcript of, and dies with.
 */
sessionId?: string, 
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
 * Only transcripts of sessions, or only those that are none; either by default.
 */
transcripts?: boolean, 
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
 * How far a construct is provisioned.
 *
 * | from | to |
 * |---|---|
 * | `pending` | `provisioning`, `retired` |
 * | `provisioning` | `ready`, `failed`, `retired` |
 * | `ready` | `suspended`, `retired` |
 * | `failed` | `provisioning`, `retired` |
 * | `suspended` | `ready`, `retired` |
 * | `retired` | – |
 *
 * Every other change is a `conflict`; a change to the status it has already changes nothing.
 */
export type ConstructStatus = "pending" | "provisioning" | "ready" | "failed" | "suspended" | "retired";

/**
 * A construct.
 */
export type Construct = { 
/**
 * A UUIDv7.
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
 * What sort of construct it is, as the app calls it.
 */
type: string, 
/**
 * The name shown to people; may be empty.
 */
name: string, 
/**
 * How far it is provisioned.
 */
status: ConstructStatus, 
/**
 * The app's own fields.
 */
metadata: Metadata, 
/**
 * Grows by one with every change of the construct itself.
 */
version: number, 
/**
 * Milliseconds since 1970-01-01 UTC.
 */
createdAt: number, 
/**
 * Milliseconds since 1970-01-01 UTC.
 */
updatedAt: number, 
/**
 * When it was removed, if it was and can still be restored.
 */
deletedAt?: number, };

/**
 * What a new construct is made of. It begins as `pending`.
 */
export type NewConstruct = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * What sort of construct it is, as the app calls it.
 */
type: string, 
/**
 * The name shown to people; empty by default.
 */
name?: string, 
/**
 * The context it goes to; by default what is configured for the user or the app, else `default`.
 */
context?: string, 
/**
 * The app's own fields; none by default.
 */
metadata?: Metadata, };

/**
 * Names one construct.
 */
export type ConstructRef = { 
/**
 * The construct.
 */
id: string, };

/**
 * Changes to a construct; what is absent stays.
 */
export type ConstructUpdate = { 
/**
 * The construct.
 */
id: string, 
/**
 * The version the change was made from; `conflict` when it is no longer the current one.
 */
version: number, 
/**
 * Another sort.
 */
type?: string, 
/**
 * A new name.
 */
name?: string, 
/**
 * The context to move it to; the transcripts of its sessions go with it.
 */
context?: string, 
/**
 * New fields, replacing all of the old.
 */
metadata?: Metadata, };

/**
 * Changes a construct's status.
 */
export type ConstructSetStatus = { 
/**
 * The construct.
 */
id: string, 
/**
 * The new status.
 */
status: ConstructStatus, 
/**
 * The version the change was made from, where only one of several may make it; `conflict` when it is no longer the
 * current one.
 */
version?: number, 
/**
 * Why, for the timeline.
 */
reason?: string, };

/**
 * Which of its times a construct is ordered by.
 */
export type ConstructTime = "updated" | "created";

/**
 * Which constructs to list. Filters add up. With `name`, `namePrefix` or `metadata` a page looks at 10,000 constructs at
 * most: it may hold fewer than its limit, or none, and still name a next one.
 */
export type ConstructList = { 
/**
 * The user whose constructs to list. A view of one user may leave it out.
 */
userId?: string, 
/**
 * Only those in one of these contexts.
 */
contexts?: Array<string>, 
/**
 * Only those with this status.
 */
status?: ConstructStatus, 
/**
 * Only those of this sort.
 */
type?: string, 
/**
 * Only those whose name holds this, whatever its case.
 */
name?: string, 
/**
 * Only those whose name begins with this, whatever its case.
 */
namePrefix?: string, 
/**
 * Only those that have all of these fields with these values. Numbers are equal when they are spelled alike.
 */
metadata?: Metadata, 
/**
 * Instead of those in use, only those that are removed and can be restored.
 */
deleted?: boolean, 
/**
 * Only those created at or after this, in milliseconds since 1970-01-01 UTC.
 */
createdSince?: number, 
/**
 * Only those created before this, in milliseconds since 1970-01-01 UTC.
 */
createdUntil?: number, 
/**
 * Only those last changed at or after this, in milliseconds since 1970-01-01 UTC.
 */
updatedSince?: number, 
/**
 * Only those last changed before this, in milliseconds since 1970-01-01 UTC.
 */
updatedUntil?: number, 
/**
 * The time to order by: of the last change by default.
 */
by?: ConstructTime, 
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
 * Whether a session goes on.
 *
 * | from | to |
 * |---|---|
 * | `active` | `suspended`, `ended`, `failed` |
 * | `suspended` | `active`, `ended`, `failed` |
 * | `failed` | `active`, `ended` |
 * | `ended` | – |
 *
 * Every other change is a `conflict`; a change to the status it has already changes nothing.
 */
export type SessionStatus = "active" | "suspended" | "ended" | "failed";

/**
 * A session.
 */
export type Session = { 
/**
 * A UUIDv7.
 */
id: string, 
/**
 * The user it belongs to.
 */
userId: string, 
/**
 * The construct it works on.
 */
constructId: string, 
/**
 * The conversation that is its transcript; absent once that was deleted.
 */
transcriptId?: string, 
/**
 * The name shown to people; may be empty.
 */
name: string, 
/**
 * Whether it goes on.
 */
status: SessionStatus, 
/**
 * Where it stands, as the app or its agent keeps it.
 */
state: Json, 
/**
 * The app's own fields.
 */
metadata: Metadata, 
/**
 * Grows by one with every change of the session itself; its transcript does not count.
 */
version: number, 
/**
 * Milliseconds since 1970-01-01 UTC.
 */
createdAt: number, 
/**
 * Milliseconds since 1970-01-01 UTC.
 */
updatedAt: number, 
/**
 * When it ended or failed, in milliseconds since 1970-01-01 UTC.
 */
endedAt?: number, };

/**
 * What a new session is made of. It begins as `active`, with an empty transcript in its construct's context.
 */
export type NewSession = { 
/**
 * The construct it works on.
 */
constructId: string, 
/**
 * The name shown to people, and the transcript's title; empty by default.
 */
name?: string, 
/**
 * Where it stands; null by default.
 */
state?: Json, 
/**
 * The app's own fields; none by default.
 */
metadata?: Metadata, };

/**
 * Names one session.
 */
export type SessionRef = { 
/**
 * The session.
 */
id: string, };

/**
 * Changes to a session; what is absent stays.
 */
export type SessionUpdate = { 
/**
 * The session.
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
 * Where it stands now, replacing the old state.
 */
state?: Json, 
/**
 * New fields, replacing all of the old.
 */
metadata?: Metadata, };

/**
 * Which sessions to list. Filters add up.
 */
export type SessionList = { 
/**
 * The user whose sessions to list. A view of one user may leave it out.
 */
userId?: string, 
/**
 * Only those of this construct.
 */
constructId?: string, 
/**
 * Only those with this status.
 */
status?: SessionStatus, 
/**
 * Only those last changed at or after this, in milliseconds since 1970-01-01 UTC.
 */
since?: number, 
/**
 * Only those last changed before this, in milliseconds since 1970-01-01 UTC.
 */
until?: number, 
/**
 * By when they last changed; newest first by default.
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
 * A link from one construct to another of the same user. Each pair is linked once in a direction and kind.
 */
export type ConstructLink = { 
/**
 * A UUIDv7.
 */
id: string, 
/**
 * The user it belongs to.
 */
userId: string, 
/**
 * The construct it leads from.
 */
from: string, 
/**
 * The construct it leads to.
 */
to: string, 
/**
 * What it says: `implements`, `follows`, `duplicates`, `relates`, or a name of the app's own.
 */
kind: string, 
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
 * What a new link is made of.
 */
export type NewConstructLink = { 
/**
 * The construct it leads from.
 */
from: string, 
/**
 * The construct it leads to: another one, of the same user.
 */
to: string, 
/**
 * What it says: `implements`, `follows`, `duplicates`, `relates`, or a name of the app's own.
 */
kind: string, 
/**
 * The app's own fields; none by default.
 */
metadata?: Metadata, };

/**
 * Names one link.
 */
export type ConstructLinkRef = { 
/**
 * The link.
 */
id: string, };

/**
 * Changes to a link.
 */
export type ConstructLinkUpdate = { 
/**
 * The link.
 */
id: string, 
/**
 * The version the change was made from; `conflict` when it is no longer the current one.
 */
version: number, 
/**
 * New fields, replacing all of the old.
 */
metadata: Metadata, };

/**
 * Which way links are looked at from a construct.
 */
export type LinkDirection = "out" | "in" | "both";

/**
 * Which links to list. Filters add up.
 */
export type ConstructLinkList = { 
/**
 * The user whose links to list. A view of one user may leave it out.
 */
userId?: string, 
/**
 * Only those that lead from this construct.
 */
from?: string, 
/**
 * Only those that lead to this construct.
 */
to?: string, 
/**
 * Only those of one of these kinds.
 */
kinds?: Array<string>, 
/**
 * By when they were created; newest first by default.
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
 * Walks from a construct along its links.
 */
export type LinkWalk = { 
/**
 * The construct to begin at.
 */
id: string, 
/**
 * Which way to go at each construct; `out` by default.
 */
direction?: LinkDirection, 
/**
 * Only along links of these kinds.
 */
kinds?: Array<string>, 
/**
 * How many links away at most, from 1; as far as they lead by default.
 */
depth?: number, 
/**
 * Items per page: 1 to 1,000, 50 by default.
 */
limit?: number, 
/**
 * The `nextCursor` of the page before.
 */
cursor?: string, };

/**
 * A construct that a walk came to.
 */
export type Reached = { 
/**
 * The construct.
 */
construct: Construct, 
/**
 * How many links it is away, by the shortest way.
 */
distance: number, 
/**
 * The last link of that way; the oldest where there are several.
 */
link: ConstructLink, };

/**
 * What is known of an artifact.
 */
export type Artifact = { 
/**
 * A UUIDv7.
 */
id: string, 
/**
 * The user it belongs to.
 */
userId: string, 
/**
 * The construct it comes from.
 */
constructId?: string, 
/**
 * The session it comes from.
 */
sessionId?: string, 
/**
 * The message it comes from, which may be gone.
 */
messageId?: string, 
/**
 * What it is: `plan`, `diff`, `log`, `file`, or a name of the app's own.
 */
kind: string, 
/**
 * The name shown to people.
 */
name: string, 
/**
 * The media type of its bytes, such as `text/markdown`.
 */
mediaType: string, 
/**
 * How many bytes it has, if that is known.
 */
size?: number, 
/**
 * The hash of its bytes, if that is known: of those that are kept here, BLAKE3 in hexadecimal digits.
 */
hash?: string, 
/**
 * Which revision of its content it has, from 1; absent while none is kept here.
 */
revision?: number, 
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
 * What a new artifact is made of.
 */
export type NewArtifact = { 
/**
 * The user it belongs to; by default the construct's. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The construct it comes from; the session's by default. It dies with it.
 */
constructId?: string, 
/**
 * The session it comes from. It dies with it.
 */
sessionId?: string, 
/**
 * The message it comes from, one of the same user's.
 */
messageId?: string, 
/**
 * What it is: `plan`, `diff`, `log`, `file`, or a name of the app's own.
 */
kind: string, 
/**
 * The name shown to people.
 */
name: string, 
/**
 * The media type of its bytes; `application/octet-stream` by default.
 */
mediaType?: string, 
/**
 * How many bytes it has, if that is known.
 */
size?: number, 
/**
 * The hash of its bytes, if that is known.
 */
hash?: string, 
/**
 * The app's own fields; none by default.
 */
metadata?: Metadata, };

/**
 * Names one artifact.
 */
export type ArtifactRef = { 
/**
 * The artifact.
 */
id: string, };

/**
 * Changes to what is known of an artifact; what is absent stays.
 */
export type ArtifactUpdate = { 
/**
 * The artifact.
 */
id: string, 
/**
 * The version the change was made from; `conflict` when it is no longer the current one.
 */
version: number, 
/**
 * Another kind.
 */
kind?: string, 
/**
 * A new name.
 */
name?: string, 
/**
 * Another media type.
 */
mediaType?: string, 
/**
 * How many bytes it has now.
 */
size?: number, 
/**
 * The hash of its bytes now.
 */
hash?: string, 
/**
 * New fields, replacing all of the old.
 */
metadata?: Metadata, };

/**
 * Which artifacts to list. Filters add up. With `namePrefix` a page looks at 10,000 artifacts at most: it may hold fewer than
 * its limit, or none, and still name a next one.
 */
export type ArtifactList = { 
/**
 * The user whose artifacts to list. A view of one user may leave it out.
 */
userId?: string, 
/**
 * Only those of this construct.
 */
constructId?: string, 
/**
 * Only those of this session.
 */
sessionId?: string, 
/**
 * Only those of this kind.
 */
kind?: string, 
/**
 * Only those whose name begins with this, whatever its case.
 */
namePrefix?: string, 
/**
 * By when they were created; newest first by default.
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
 * Makes an artifact with its content.
 */
export type ArtifactPut = { 
/**
 * What is known of it. A size or a hash, if given, must be those of the content.
 */
artifact: NewArtifact, 
/**
 * The number of the content that was written.
 */
content: number, };

/**
 * Gives an artifact another content.
 */
export type ArtifactRevise = { 
/**
 * The artifact.
 */
id: string, 
/**
 * The version the change was made from; `conflict` when it is no longer the current one.
 */
version: number, 
/**
 * The number of the content that was written.
 */
content: number, 
/**
 * Another media type.
 */
mediaType?: string, 
/**
 * Whether the content takes the place of the current revision, where it is a new one by default.
 */
inPlace?: boolean, };

/**
 * A revision of an artifact's content.
 */
export type ArtifactRevision = { 
/**
 * Its number, from 1; numbers are not used again.
 */
revision: number, 
/**
 * Its length in bytes.
 */
size: number, 
/**
 * The BLAKE3 hash of its bytes, in hexadecimal digits.
 */
hash: string, 
/**
 * Its media type.
 */
mediaType: string, 
/**
 * Milliseconds since 1970-01-01 UTC.
 */
createdAt: number, };

/**
 * Lists the revisions of an artifact's content, the newest first.
 */
export type RevisionList = { 
/**
 * The artifact.
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
 * Names a revision of an artifact's content.
 */
export type RevisionRef = { 
/**
 * The artifact.
 */
id: string, 
/**
 * The revision.
 */
revision: number, };

/**
 * An upload.
 */
export type Upload = { 
/**
 * A UUIDv7.
 */
id: string, 
/**
 * The user it belongs to.
 */
userId: string, 
/**
 * The artifact that is made of it. Its size and hash, if given, are those that are expected.
 */
artifact: NewArtifact, 
/**
 * Where it stands.
 */
state: UploadState, 
/**
 * Bytes that have arrived and are kept: where it goes on.
 */
received: number, 
/**
 * How often it failed.
 */
failures: number, 
/**
 * The code of the last failure: `invalid_argument` when what arrived was not what was expected, or more than allowed.
 */
error?: Code, 
/**
 * The artifact that it became.
 */
artifactId?: string, 
/**
 * Milliseconds since 1970-01-01 UTC.
 */
createdAt: number, 
/**
 * Milliseconds since 1970-01-01 UTC.
 */
updatedAt: number, };

/**
 * Where an upload stands.
 */
export type UploadState = "pending" | "uploading" | "stored" | "failed" | "published";

/**
 * Names one upload.
 */
export type UploadRef = { 
/**
 * The upload.
 */
id: string, };

/**
 * Which uploads to list. Filters add up.
 */
export type UploadList = { 
/**
 * The user whose uploads to list. A view of one user may leave it out.
 */
userId?: string, 
/**
 * Only those that stand there.
 */
state?: UploadState, 
/**
 * By when they were created; newest first by default.
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
 * What may be uploaded: the value of the setting `uploads.limits`, of the app and of a user. Both hold.
 */
export type UploadLimits = { 
/**
 * The most bytes of one upload.
 */
maxBytes?: number, 
/**
 * Media types that are allowed, such as `text/plain` or `image/*`.
 */
mediaTypes?: Array<string>, };

/**
 * Writes the next bytes of a content; they come beside the request.
 */
export type ContentWrite = { 
/**
 * The content; a new one without.
 */
content?: number, 
/**
 * The media type of a new one: `application/octet-stream` by default.
 */
mediaType?: string, 
/**
 * The artifact whose content a new one continues.
 */
continues?: string, 
/**
 * The upload that a new one continues; what arrives is kept there as it comes.
 */
upload?: string, 
/**
 * Whether these are the last bytes.
 */
isLast?: boolean, };

/**
 * How far a content is written.
 */
export type ContentWritten = { 
/**
 * Its number, for this worker's lifetime.
 */
content: number, 
/**
 * Its length so far, in bytes.
 */
size: number, 
/**
 * The version of the artifact that it continues.
 */
version?: number, };

/**
 * Gives up a content; what it was given to keeps it.
 */
export type ContentRef = { 
/**
 * The content.
 */
content: number, };

/**
 * Reads some of an artifact's content; the bytes come beside the answer.
 */
export type ContentRead = { 
/**
 * The artifact.
 */
id: string, 
/**
 * A revision of its content; the current one by default.
 */
revision?: number, 
/**
 * The first byte to read; 0 by default.
 */
start?: number, 
/**
 * The most bytes to read: as many as are at hand by default, 4 MiB at most. Fewer may come.
 */
length?: number, };

/**
 * Says where the pieces of an artifact's content lie.
 */
export type ContentPiecesRead = { 
/**
 * The artifact.
 */
id: string, 
/**
 * A revision of its content; the current one by default.
 */
revision?: number, };

/**
 * A piece of a content.
 */
export type ContentPiece = { 
/**
 * Its length in bytes.
 */
size: number, 
/**
 * The file that holds it as it is, in the store's folder; absent where it is packed.
 */
file?: string, };

/**
 * The pieces of a content.
 */
export type ContentPieces = { 
/**
 * Of which revision they are.
 */
revision: ArtifactRevision, 
/**
 * All of them, in order.
 */
pieces: Array<ContentPiece>, };

/**
 * Removes contents that nothing has any more.
 */
export type Collect = { 
/**
 * Only what nothing has had for this many milliseconds; 0 by default.
 */
graceMs?: number, };

/**
 * What a collection removed.
 */
export type Collected = { 
/**
 * Contents that nothing had any more.
 */
contents: number, 
/**
 * Files that held their pieces.
 */
files: number, 
/**
 * Bytes of their pieces, as they were kept.
 */
bytes: number, };

/**
 * What a compaction came to.
 */
export type Compacted = { 
/**
 * Bytes that the store's files take less than before.
 */
bytes: number, };

/**
 * How far long work is, in whatever it counts.
 */
export type WorkProgress = { 
/**
 * How much is done.
 */
done: number, 
/**
 * How much there is in all.
 */
total: number, };

/**
 * Work that the store does by itself, between calls.
 */
export type UpkeepWork = "erase" | "snapshot" | "seal" | "index" | "pack" | "vacuum" | "collect" | "check" | "backup";

/**
 * Work under way, and how far it is.
 */
export type Upkeep = { 
/**
 * What is being done.
 */
work: UpkeepWork, 
/**
 * How much of it is done, in whatever it counts; absent where that is not known.
 */
done?: number, 
/**
 * How much there is in all; absent where that is not known.
 */
total?: number, };

/**
 * Something that happened. It is never changed, and goes with what it hangs on.
 */
export type TimelineEvent = { 
/**
 * A UUIDv7.
 */
id: string, 
/**
 * The user it belongs to.
 */
userId: string, 
/**
 * Its place among all events of the store, by when they were appended.
 */
number: number, 
/**
 * The construct it happened in.
 */
constructId?: string, 
/**
 * The session it happened in.
 */
sessionId?: string, 
/**
 * What happened, as the app calls it. The store itself writes `construct.status` and `session.status`.
 */
kind: string, 
/**
 * When it happened, in milliseconds since 1970-01-01 UTC.
 */
at: number, 
/**
 * What more there is to say.
 */
data: Json, };

/**
 * What a new event is made of.
 */
export type NewTimelineEvent = { 
/**
 * The user it belongs to; by default the construct's. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The construct it happened in; the session's by default.
 */
constructId?: string, 
/**
 * The session it happened in.
 */
sessionId?: string, 
/**
 * What happened, as the app calls it.
 */
kind: string, 
/**
 * When it happened, in milliseconds since 1970-01-01 UTC; now by default.
 */
at?: number, 
/**
 * What more there is to say; null by default.
 */
data?: Json, };

/**
 * Names one event.
 */
export type TimelineEventRef = { 
/**
 * The event.
 */
id: string, };

/**
 * Which events to list. Filters add up.
 */
export type TimelineList = { 
/**
 * The user whose events to list. A view of one user may leave it out.
 */
userId?: string, 
/**
 * Only those of this construct, those of its sessions included.
 */
constructId?: string, 
/**
 * Only those of this session.
 */
sessionId?: string, 
/**
 * Only those of one of these kinds.
 */
kinds?: Array<string>, 
/**
 * Only those at or after this, in milliseconds since 1970-01-01 UTC.
 */
since?: number, 
/**
 * Only those before this, in milliseconds since 1970-01-01 UTC.
 */
until?: number, 
/**
 * By when they happened, and of the same time by when they were appended; newest first by default.
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
 * A measured value.
 */
export type Metric = { 
/**
 * A UUIDv7.
 */
id: string, 
/**
 * The user it belongs to.
 */
userId: string, 
/**
 * The construct it was measured in.
 */
constructId?: string, 
/**
 * The session it was measured in.
 */
sessionId?: string, 
/**
 * What was measured.
 */
name: string, 
/**
 * How much it was.
 */
value: number, 
/**
 * Of what, such as `ms`; may be empty.
 */
unit: string, 
/**
 * What tells it apart from others of its name.
 */
labels: Record<string, string>, 
/**
 * When it was measured, in milliseconds since 1970-01-01 UTC.
 */
at: number, };

/**
 * What a new metric is made of.
 */
export type NewMetric = { 
/**
 * The user it belongs to; by default the construct's. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The construct it was measured in; the session's by default. It dies with it.
 */
constructId?: string, 
/**
 * The session it was measured in. It dies with it.
 */
sessionId?: string, 
/**
 * What was measured.
 */
name: string, 
/**
 * How much it was: a finite number.
 */
value: number, 
/**
 * Of what, such as `ms`; nothing by default.
 */
unit?: string, 
/**
 * What tells it apart from others of its name, at most 4,096 bytes of JSON; nothing by default.
 */
labels?: Record<string, string>, 
/**
 * When it was measured, in milliseconds since 1970-01-01 UTC; now by default.
 */
at?: number, };

/**
 * Records metrics together, all or none.
 */
export type RecordAll = { 
/**
 * The metrics, at most 10,000.
 */
metrics: Array<NewMetric>, };

/**
 * Which metrics to list. Filters add up. With `labels` a page looks at 10,000 metrics at most: it may hold fewer than its limit,
 * or none, and still name a next one.
 */
export type MetricList = { 
/**
 * The user whose metrics to list. A view of one user may leave it out.
 */
userId?: string, 
/**
 * Only those of this name.
 */
name?: string, 
/**
 * Only those with all of these labels.
 */
labels?: Record<string, string>, 
/**
 * Only those of this construct, those of its sessions included.
 */
constructId?: string, 
/**
 * Only those of this session.
 */
sessionId?: string, 
/**
 * Only those measured at or after this, in milliseconds since 1970-01-01 UTC.
 */
since?: number, 
/**
 * Only those measured before this, in milliseconds since 1970-01-01 UTC.
 */
until?: number, 
/**
 * By when they were measured; newest first by default.
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
 * Which metrics to sum up, and over which times. Filters add up.
 */
export type MetricSummary = { 
/**
 * The user whose metrics they are. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The metrics' name.
 */
name: string, 
/**
 * Only those with all of these labels.
 */
labels?: Record<string, string>, 
/**
 * Only those of this construct, those of its sessions included.
 */
constructId?: string, 
/**
 * Only those of this session.
 */
sessionId?: string, 
/**
 * Only those measured at or after this, in milliseconds since 1970-01-01 UTC.
 */
since?: number, 
/**
 * Only those measured before this, in milliseconds since 1970-01-01 UTC.
 */
until?: number, 
/**
 * The length of a bucket, in milliseconds. Buckets are counted from `since`, else from 1970-01-01 UTC. Everything is one
 * bucket by default.
 */
bucketMs?: number, };

/**
 * What the metrics of a time come to. A percentile is the least value that so many percent of the values do not exceed.
 */
export type MetricBucket = { 
/**
 * When the bucket begins, in milliseconds since 1970-01-01 UTC; of the only bucket, when its first metric was measured.
 */
at: number, 
/**
 * How many values there are, at least 1: a time without any has no bucket.
 */
count: number, 
/**
 * Their sum.
 */
sum: number, 
/**
 * The least.
 */
min: number, 
/**
 * The greatest.
 */
max: number, 
/**
 * Their sum, divided by how many there are.
 */
mean: number, 
/**
 * The 50th percentile.
 */
p50: number, 
/**
 * The 90th percentile.
 */
p90: number, 
/**
 * The 99th percentile.
 */
p99: number, };

/**
 * What a learning comes from.
 */
export type SourceKind = "message" | "construct" | "session" | "other";

/**
 * Where a learning comes from: a name, kept when what it names is gone.
 */
export type LearningSource = { 
/**
 * What it is.
 */
kind: SourceKind, 
/**
 * Its id.
 */
id: string, };

/**
 * A learning.
 */
export type Learning = { 
/**
 * A UUIDv7.
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
 * What was learned.
 */
text: string, 
/**
 * Its category.
 */
category?: string, 
/**
 * Its tags, sorted.
 */
tags: Array<string>, 
/**
 * How sure it is, from 0 to 1.
 */
confidence: number, 
/**
 * Where it comes from, sorted.
 */
sources: Array<LearningSource>, 
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
 * What is done when the same is learned again: in the same context, and alike but for case, white space and the
 * punctuation around it.
 */
export type OnDuplicate = "refuse" | "merge" | "keep";

/**
 * What a new learning is made of.
 */
export type NewLearning = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * What was learned; at most 64 KiB.
 */
text: string, 
/**
 * Its category; none by default.
 */
category?: string, 
/**
 * Its tags, at most 100; white space around them is taken off.
 */
tags?: Array<string>, 
/**
 * How sure it is, from 0 to 1; 1 by default.
 */
confidence?: number, 
/**
 * Where it comes from, at most 100. A message is one of the same user's.
 */
sources?: Array<LearningSource>, 
/**
 * The context it goes to; by default that of the first message it comes from, else what is configured for the user or
 * the app, else `default`.
 */
context?: string, 
/**
 * The app's own fields; none by default.
 */
metadata?: Metadata, 
/**
 * What is done when it is known already; it is refused by default.
 */
onDuplicate?: OnDuplicate, };

/**
 * Names one learning.
 */
export type LearningRef = { 
/**
 * The learning.
 */
id: string, };

/**
 * Changes to a learning; what is absent stays. A changed text is not compared with others.
 */
export type LearningUpdate = { 
/**
 * The learning.
 */
id: string, 
/**
 * The version the change was made from; `conflict` when it is no longer the current one.
 */
version: number, 
/**
 * A new text.
 */
text?: string, 
/**
 * A new category; an empty one takes it away.
 */
category?: string, 
/**
 * New tags, replacing all of the old.
 */
tags?: Array<string>, 
/**
 * How sure it is now.
 */
confidence?: number, 
/**
 * New sources, replacing all of the old.
 */
sources?: Array<LearningSource>, 
/**
 * Another context to move it to.
 */
context?: string, 
/**
 * New fields, replacing all of the old.
 */
metadata?: Metadata, };

/**
 * Whether one tag is enough.
 */
export type TagMatch = "any" | "all";

/**
 * What learnings are ordered by.
 */
export type LearningOrder = "updated" | "created" | "confidence";

/**
 * Which learnings to list. Filters add up.
 */
export type LearningList = { 
/**
 * The user whose learnings to list. A view of one user may leave it out.
 */
userId?: string, 
/**
 * Only those in one of these contexts.
 */
contexts?: Array<string>, 
/**
 * Only those of this category.
 */
category?: string, 
/**
 * Only those with these tags, at most 100.
 */
tags?: Array<string>, 
/**
 * Whether one of the tags is enough, which it is by default.
 */
tagMatch?: TagMatch, 
/**
 * Only those at least as sure as this.
 */
minConfidence?: number, 
/**
 * Only those that come from this.
 */
source?: LearningSource, 
/**
 * Only those whose text holds this, whatever its case. A page looks at 10,000 learnings at most: it may hold fewer
 * than its limit, or none, and still name a next one.
 */
text?: string, 
/**
 * Only those created at or after this, in milliseconds since 1970-01-01 UTC.
 */
createdSince?: number, 
/**
 * Only those created before this, in milliseconds since 1970-01-01 UTC.
 */
createdUntil?: number, 
/**
 * Only those last changed at or after this, in milliseconds since 1970-01-01 UTC.
 */
updatedSince?: number, 
/**
 * Only those last changed before this, in milliseconds since 1970-01-01 UTC.
 */
updatedUntil?: number, 
/**
 * What to order by: the last change by default.
 */
by?: LearningOrder, 
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
 * How far a job has come.
 */
export type JobState = "queued" | "running" | "done" | "dead" | "cancelled";

/**
 * A job.
 */
export type Job = { 
/**
 * A UUIDv7.
 */
id: string, 
/**
 * The user it belongs to.
 */
userId: string, 
/**
 * Its place among all jobs of the store, by when they were enqueued.
 */
number: number, 
/**
 * The queue it is in.
 */
queue: string, 
/**
 * How far it has come.
 */
state: JobState, 
/**
 * The greater, the sooner.
 */
priority: number, 
/**
 * When it may run, in milliseconds since 1970-01-01 UTC.
 */
runAt: number, 
/**
 * What keeps it from being there twice.
 */
key?: string, 
/**
 * What is to be done.
 */
payload: Json, 
/**
 * How often it is tried.
 */
maxAttempts: number, 
/**
 * The wait after the first failure, in milliseconds; it doubles with every further one.
 */
backoffMs: number, 
/**
 * The longest wait, in milliseconds.
 */
maxBackoffMs: number, 
/**
 * How often it was begun; attempts that were given back do not count.
 */
attempts: number, 
/**
 * The lease's token. Only who takes the job is told.
 */
lease?: string, 
/**
 * When the lease runs out, in milliseconds since 1970-01-01 UTC.
 */
leaseUntil?: number, 
/**
 * What it was completed with.
 */
result?: Json, 
/**
 * Why it failed the last time it did.
 */
error?: string, 
/**
 * When it was enqueued, in milliseconds since 1970-01-01 UTC.
 */
createdAt: number, 
/**
 * Milliseconds since 1970-01-01 UTC.
 */
updatedAt: number, 
/**
 * When it was done, dead or cancelled, in milliseconds since 1970-01-01 UTC.
 */
endedAt?: number, };

/**
 * What a new job is made of.
 */
export type NewJob = { 
/**
 * The user it belongs to. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The queue it goes to.
 */
queue: string, 
/**
 * What is to be done, at most 64 KiB of JSON; null by default.
 */
payload?: Json, 
/**
 * From -100 to 100, the greater the sooner; 0 by default.
 */
priority?: number, 
/**
 * When it may run, in milliseconds since 1970-01-01 UTC; at once by default.
 */
runAt?: number, 
/**
 * While a job of the same user and queue with this key is queued or running, that job is given back and no other is
 * made.
 */
key?: string, 
/**
 * How often it is tried: 1 to 1,000, 5 by default.
 */
maxAttempts?: number, 
/**
 * The wait after the first failure, in milliseconds, which doubles with every further one; 1 second by default.
 */
backoffMs?: number, 
/**
 * The longest wait, in milliseconds; 1 hour by default.
 */
maxBackoffMs?: number, };

/**
 * Takes jobs from a queue.
 */
export type Dequeue = { 
/**
 * Only jobs of this user. Without one, a view of one user takes that user's, and the app takes everyone's.
 */
userId?: string, 
/**
 * The queue.
 */
queue: string, 
/**
 * How many at most: 1 to 100, 1 by default.
 */
limit?: number, 
/**
 * How long the lease is, in milliseconds: 3 minutes by default, 30 days at most.
 */
leaseMs?: number, };

/**
 * The lease that `dequeue` gave.
 */
export type JobLease = { 
/**
 * The job.
 */
id: string, 
/**
 * The lease's token.
 */
lease: string, };

/**
 * Makes a lease last from now.
 */
export type JobRenewal = { 
/**
 * The job.
 */
id: string, 
/**
 * The lease's token.
 */
lease: string, 
/**
 * How long the lease is from now on, in milliseconds: 3 minutes by default, 30 days at most.
 */
leaseMs?: number, };

/**
 * Ends a job.
 */
export type JobCompletion = { 
/**
 * The job.
 */
id: string, 
/**
 * The lease's token.
 */
lease: string, 
/**
 * What came of it; nothing by default.
 */
result?: Json, };

/**
 * Ends an attempt that failed.
 */
export type JobFailure = { 
/**
 * The job.
 */
id: string, 
/**
 * The lease's token.
 */
lease: string, 
/**
 * Why, in at most 4,096 bytes.
 */
error: string, };

/**
 * Names one job.
 */
export type JobRef = { 
/**
 * The job.
 */
id: string, };

/**
 * Which jobs to list. Filters add up.
 */
export type JobList = { 
/**
 * The user whose jobs to list. A view of one user may leave it out.
 */
userId?: string, 
/**
 * Only those in this queue.
 */
queue?: string, 
/**
 * Only those in this state.
 */
state?: JobState, 
/**
 * Only those enqueued at or after this, in milliseconds since 1970-01-01 UTC.
 */
since?: number, 
/**
 * Only those enqueued before this, in milliseconds since 1970-01-01 UTC.
 */
until?: number, 
/**
 * By when they were enqueued; newest first by default.
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
 * Which jobs to count.
 */
export type JobCounting = { 
/**
 * The user whose jobs to count. A view of one user may leave it out.
 */
userId?: string, 
/**
 * Only those in this queue.
 */
queue?: string, };

/**
 * How many jobs of a queue are in a state.
 */
export type JobCount = { 
/**
 * The queue.
 */
queue: string, 
/**
 * The state.
 */
state: JobState, 
/**
 * How many.
 */
count: number, };

/**
 * Removes jobs that ended.
 */
export type JobRemoval = { 
/**
 * The user whose jobs to remove. A view of one user may leave it out.
 */
userId?: string, 
/**
 * Those that ended before this, in milliseconds since 1970-01-01 UTC.
 */
endedBefore: number, };

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
 * What a text is.
 */
export type SearchKind = "messages" | "reasoning" | "conversations" | "learnings" | "constructs" | "sessions" | "artifacts" | "charts";

/**
 * What to search for, and where. Filters add up.
 */
export type SearchQuery = { 
/**
 * What a person typed: words that must all be there, `"phrases"`, beginnings `word*`, and `-` before what must not be
 * there. Everything else is text. Without anything that must be there, nothing is found.
 */
text: string, 
/**
 * The user whose records to search. A view of one user may leave it out.
 */
userId?: string, 
/**
 * Only those in one of these contexts.
 */
contexts?: Array<string>, 
/**
 * Only texts of these kinds.
 */
in?: Array<SearchKind>, 
/**
 * Only messages in one of these voices.
 */
roles?: Array<Role>, 
/**
 * Only what is in this conversation.
 */
conversationId?: string, 
/**
 * Only what belongs to this construct.
 */
constructId?: string, 
/**
 * Only what was created at or after this, in milliseconds since 1970-01-01 UTC.
 */
since?: number, 
/**
 * Only what was created before this, in milliseconds since 1970-01-01 UTC.
 */
until?: number, 
/**
 * Hits per page: 1 to 1,000, 50 by default.
 */
limit?: number, 
/**
 * The `nextCursor` of the page before.
 */
cursor?: string, };

/**
 * A text that was found.
 */
export type SearchHit = { 
/**
 * What kind of text it is.
 */
kind: SearchKind, 
/**
 * The record it belongs to.
 */
id: string, 
/**
 * The conversation it is in.
 */
conversationId?: string, 
/**
 * The construct it belongs to.
 */
constructId?: string, 
/**
 * The title of the conversation it is in, or its own name.
 */
title?: string, 
/**
 * The context it is in; none, `""`, for an artifact that belongs to no construct.
 */
context: string, 
/**
 * The voice of a message.
 */
role?: Role, 
/**
 * When it was created, in milliseconds since 1970-01-01 UTC.
 */
at: number, 
/**
 * How well it matches: more is better. It depends on the text and the query alone.
 */
score: number, 
/**
 * The text around what was found.
 */
snippet: Snippet, };

/**
 * A piece of a text with what was found in it.
 */
export type Snippet = { 
/**
 * The text, each white space as one space; `…` stands where it goes on.
 */
text: string, 
/**
 * Where the matches are: from and to, counted as JavaScript counts.
 */
marks: Array<[number, number]>, };

/**
 * A page of hits.
 */
export type SearchPage = { 
/**
 * The hits, best first: of very common words the newest 2,000 are ranked, then the 2,000 before them, and so on.
 */
items: Array<SearchHit>, 
/**
 * Where the next page begins; absent on the last.
 */
nextCursor?: string, 
/**
 * Whether everything was searched. False while the index is being built.
 */
complete: boolean, };

/**
 * What is known of the search index.
 */
export type SearchStatus = { 
/**
 * Whether every record can be found.
 */
complete: boolean, 
/**
 * Texts in it; a very long one counts several times.
 */
documents: number, 
/**
 * Records that are still to be read; 0 when it is complete.
 */
waiting: number, 
/**
 * Bytes of its words and places, as of the last commit.
 */
bytes: number, };

/**
 * Checks a part of the index.
 */
export type SearchCheck = { 
/**
 * The `nextCursor` of the part before; the first part without.
 */
cursor?: string, };

/**
 * What a part of a check found.
 */
export type SearchChecked = { 
/**
 * What is wrong; nothing if all is well.
 */
findings: Array<SearchFinding>, 
/**
 * Where the next part begins; absent after the last.
 */
nextCursor?: string, };

/**
 * Something that is wrong with the index. Building it again mends it.
 */
export type SearchFinding = { 
/**
 * `damaged`: SQLite finds its structure broken. `missing`: a text cannot be found. `stale`: a text is found by what it
 * was. `extra`: something is found that is not there.
 */
code: 'damaged' | 'missing' | 'stale' | 'extra', 
/**
 * The record, if it is about one.
 */
id?: string, };

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
 * Reads the lines of a graph, page by page.
 */
export type LinesRead = { 
/**
 * The user whose graph it is. A view of one user may leave it out.
 */
userId?: string, 
/**
 * The context whose graph it is; by default the configured one.
 */
context?: string, 
/**
 * Only the lines of this chart and of those below it.
 */
chart?: string, 
/**
 * Lines per page: 1 to 1,000, 50 by default. A page ends before that when its text is long, and has fewer where only a chart's
 * are asked for.
 */
limit?: number, 
/**
 * The `nextCursor` of the page before.
 */
cursor?: string, };

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
stream?: StreamSettings, 
/**
 * Milliseconds from one check of everything to the next, which begins when nothing else is to be done; none by
 * default, and for 0.
 */
checkEveryMs?: number, 
/**
 * Whether backups are made by themselves, as `backups.configure` says: true by default.
 */
backups?: boolean, };

/**
 * Changes when writes are answered.
 */
export type SetDurability = { 
/**
 * The new durability.
 */
durability: Durability, };

/**
 * What became of looks for pages since the database was opened.
 */
export type PageCache = { 
/**
 * Pages that were in the cache.
 */
hits: number, 
/**
 * Pages that were read from the disk.
 */
misses: number, 
/**
 * Bytes that the cache takes.
 */
bytes: number, 
/**
 * Bytes that it may take.
 */
maxBytes: number, };

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
 * How the database's page cache does.
 */
pageCache: PageCache, 
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
 * 90 in 100 took no longer.
 */
p90Us: number, 
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
export type Event = { "type": "log" } & LogEvent | { "type": "recovery" } & Recovery | { "type": "trouble" } & Trouble | { "type": "change" } & Change | { "type": "health" } & HealthReport | { "type": "backup" } & BackupNews;

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
 * The backup that was brought back, by its file in `backups/`.
 */
backup?: string, 
/**
 * What a damaged database still had that the journal had lost.
 */
salvaged?: Salvaged, 
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
export type RecoveryCause = "unclosed" | "database_damaged" | "database_missing" | "journal_behind" | "journal_damaged" | "everything_missing";

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

/**
 * A write that is kept: one line of the journal.
 */
export type Change = { 
/**
 * The line.
 */
seq: number, 
/**
 * When, in milliseconds since 1970-01-01 UTC.
 */
at: number, 
/**
 * The operation, such as `conversations.update`; for the text of streams `messages.stream`.
 */
op: string, 
/**
 * The user on whose behalf, if there was one.
 */
by?: string, 
/**
 * The ids of the records that changed, each once.
 */
records: Array<string>, 
/**
 * The groups whose records changed: `conversations`, `messages`, ….
 */
groups: Array<string>, 
/**
 * The users whose records changed, each once.
 */
users: Array<string>, 
/**
 * Whether more than 1,000 records or users changed, and only some are named.
 */
truncated: boolean, };

/**
 * Which changes of a record to list.
 */
export type HistoryList = { 
/**
 * The record's id.
 */
record: string, 
/**
 * Only changes at or after this time, in milliseconds since 1970-01-01 UTC.
 */
since?: number, 
/**
 * Only changes before this time, in milliseconds since 1970-01-01 UTC.
 */
until?: number, 
/**
 * Only changes by this operation, such as `conversations.update`.
 */
op?: string, 
/**
 * 1 to 1,000; 50 by default. A page also ends after 1 MiB of rows.
 */
limit?: number, 
/**
 * Where the page begins.
 */
cursor?: string, };

/**
 * What one write did to a record.
 */
export type HistoryEntry = { 
/**
 * The journal's line.
 */
seq: number, 
/**
 * When, in milliseconds since 1970-01-01 UTC.
 */
at: number, 
/**
 * The operation.
 */
op: string, 
/**
 * The user on whose behalf, if there was one.
 */
by?: string, 
/**
 * The request's own name, if it had one.
 */
requestId?: string, 
/**
 * The record's rows that it put or deleted, in that order.
 */
rows: Array<HistoryRow>, };

/**
 * A row of a record. It has either `put` or `del`.
 */
export type HistoryRow = { 
/**
 * The table.
 */
table: string, 
/**
 * All columns as they were from then on.
 */
put?: Json, 
/**
 * The key of a row that was deleted.
 */
del?: Json, };

/**
 * A record and a point in its history: exactly one of `seq` and `at`.
 */
export type HistoryAt = { 
/**
 * The record's id.
 */
record: string, 
/**
 * After this line of the journal.
 */
seq?: number, 
/**
 * At this time, in milliseconds since 1970-01-01 UTC: before the first change that came later.
 */
at?: number, };

/**
 * What a record was.
 */
export type RecordState = { 
/**
 * The record's id.
 */
record: string, 
/**
 * The last line up to there that changed it; absent if there was none.
 */
seq?: number, 
/**
 * When that was, in milliseconds since 1970-01-01 UTC.
 */
at?: number, 
/**
 * Its rows, in the order in which they came to be; none if there was no such record.
 */
rows: Array<HistoryRow>, 
/**
 * Whether the journal no longer has, or never had, all of its changes: rows may be missing or older than that.
 */
incomplete: boolean, 
/**
 * Whether rows beyond the first 16 MiB were left out.
 */
truncated: boolean, };

/**
 * A change to take back.
 */
export type HistoryUndo = { 
/**
 * The journal's line.
 */
seq: number, 
/**
 * Of that line only what it did to this record.
 */
record?: string, };

/**
 * A change that was taken back.
 */
export type Undone = { 
/**
 * The line that was taken back.
 */
seq: number, 
/**
 * The records that changed by it, each once.
 */
records: Array<string>, };

/**
 * How far a check goes.
 */
export type HealthDepth = "quick" | "normal" | "deep";

/**
 * Asks for a check.
 */
export type HealthCheck = { 
/**
 * How far it goes: `normal` by default.
 */
depth?: HealthDepth, };

/**
 * What a repair came to.
 */
export type HealthRepair = { 
/**
 * What was found wrong and is mended.
 */
repaired: Array<HealthFinding>, 
/**
 * What is still wrong.
 */
left: Array<HealthFinding>, 
/**
 * What could not be saved when the database was made anew, one sentence each.
 */
lost: Array<string>, 
/**
 * What was done, one sentence each.
 */
steps: Array<string>, 
/**
 * What damaged databases still had.
 */
salvaged: Array<Salvaged>, 
/**
 * Contents that a backup gave back, by their hashes.
 */
restored: Array<string>, 
/**
 * Files that were set aside in `quarantine/`.
 */
quarantined: Array<string>, };

/**
 * What was brought back from a damaged database.
 */
export type Salvaged = { 
/**
 * The file in `quarantine/`.
 */
file: string, 
/**
 * Rows that could be read.
 */
rows: number, 
/**
 * Tables of which a part could not.
 */
unreadable: Array<string>, 
/**
 * Records that the store did not have, or of which it lacked the newest state.
 */
records: number, };

/**
 * What was found in files of one format.
 */
export type ImportFormat = { 
/**
 * The format: `chatgpt`, `claude`, `openwebui`, `librechat`, `sharegpt`, `uimessage`, `strongroom`, `charts` or `chunks`.
 */
format: string, 
/**
 * Files of it.
 */
files: number, 
/**
 * Conversations, or lines of charts, that were taken.
 */
records: number, 
/**
 * Messages of those conversations.
 */
messages: number, 
/**
 * Conversations, lines or files that could not be taken; why is among the problems.
 */
skipped: number, 
/**
 * Fields that have no place of their own and are kept as they are, in the metadata.
 */
raw: Array<string>, };

/**
 * In what form a conversation is written.
 */
export type ConversationForm = "markdown" | "json" | "sharegpt" | "chunks";

/**
 * Asks for a conversation.
 */
export type ConversationExport = { 
/**
 * The conversation.
 */
id: string, 
/**
 * In what form.
 */
as: ConversationForm, };

/**
 * A file of text.
 */
export type ExportedText = { 
/**
 * Its name.
 */
name: string, 
/**
 * Its media type.
 */
mediaType: string, 
/**
 * What is in it.
 */
text: string, };

/**
 * What a check found wrong.
 */
export type FindingCode = "page" | "database" | "reference" | "counter" | "leaf" | "order" | "uuid" | "history" | "journal" | "content_missing" | "content_truncated" | "content_altered" | "chart" | "backup";

/**
 * Something that did not check.
 */
export type HealthFinding = { 
/**
 * What is wrong.
 */
code: FindingCode, 
/**
 * The record it is about, if it is about one.
 */
record?: string, 
/**
 * The same for people.
 */
message: string, 
/**
 * What would mend it.
 */
repair: string, };

/**
 * What a check came to.
 */
export type HealthReport = { 
/**
 * When it ended, in milliseconds since 1970-01-01 UTC.
 */
at: number, 
/**
 * How far it went.
 */
depth: HealthDepth, 
/**
 * How long it took, turns between its slices included, in milliseconds.
 */
durationMs: number, 
/**
 * What did not check: at most 1,000 findings; none is health.
 */
findings: Array<HealthFinding>, 
/**
 * Whether there is more than that.
 */
truncated: boolean, 
/**
 * Bytes of the database file that were checked.
 */
databaseBytes: number, 
/**
 * Rows that were checked.
 */
rows: number, 
/**
 * Journal lines that were checked.
 */
lines: number, 
/**
 * Bytes of contents that were checked, as they are kept.
 */
contentBytes: number, 
/**
 * Backups that were read back.
 */
backups: number, 
/**
 * Damage of the journal that is no finding any more: a repair made sure that the state does not need it. Only history
 * lacks something.
 */
knownDamage: Array<string>, };

/**
 * Whose bytes to count.
 */
export type UsageQuery = { 
/**
 * Only this user's; all users' by default. `kinds` are the whole store's all the same.
 */
userId?: string, };

/**
 * Where the bytes are. Exact when nothing is written meanwhile.
 */
export type HealthUsage = { 
/**
 * Bytes of all files of the store.
 */
totalBytes: number, 
/**
 * The same by kind, largest first: they add up to it.
 */
kinds: Array<KindUsage>, 
/**
 * Bytes of what users' records hold, by user: their content alone, without what SQLite and the journal add.
 */
users: Array<UserUsage>, 
/**
 * Those of a construct with everything below it, its transcripts and the contents of its artifacts included: the largest
 * 1,000, largest first.
 */
constructs: Array<ConstructUsage>, 
/**
 * Whether there are more constructs than that.
 */
constructsTruncated: boolean, 
/**
 * The contents of artifacts and uploads, all users' together.
 */
contents: ContentUsage, };

/**
 * Bytes of one kind.
 */
export type KindUsage = { 
/**
 * A table with its rows, such as `chunk`. Of all files also `indexes`, `search` (its index), `bookkeeping`, `free_pages`, `overhead`
 * (pages that hold only where others are), `log` (of the database), `contents` (of artifacts: their files and the tables that tell of them), `journal`, `snapshots`, `quarantine`, `backups` or `other`.
 */
kind: string, 
/**
 * Bytes.
 */
bytes: number, };

/**
 * Bytes of one user's records.
 */
export type UserUsage = { 
/**
 * The user.
 */
userId: string, 
/**
 * Bytes in all.
 */
bytes: number, 
/**
 * The same by table: they add up to it.
 */
kinds: Array<KindUsage>, 
/**
 * Those of records in a context, by its name.
 */
contexts: Array<ContextUsage>, };

/**
 * Bytes of the records in one context.
 */
export type ContextUsage = { 
/**
 * The context's name.
 */
context: string, 
/**
 * Bytes in all.
 */
bytes: number, 
/**
 * The same by table: they add up to it.
 */
kinds: Array<KindUsage>, };

/**
 * Bytes of one construct with everything below it.
 */
export type ConstructUsage = { 
/**
 * The construct.
 */
constructId: string, 
/**
 * Bytes.
 */
bytes: number, };

/**
 * Bytes of contents.
 */
export type ContentUsage = { 
/**
 * Bytes as they are kept.
 */
storedBytes: number, 
/**
 * Bytes as they would be if none were shared and none compressed.
 */
bytes: number, 
/**
 * Bytes that are saved because contents share what they share.
 */
sharedBytes: number, 
/**
 * Bytes that are saved by compression besides.
 */
compressedBytes: number, 
/**
 * The contents of artifacts, every revision of them, by the kind of the artifact, largest first. What several have is
 * counted for each.
 */
kinds: Array<ArtifactUsage>, };

/**
 * Bytes of the contents of one kind of artifacts.
 */
export type ArtifactUsage = { 
/**
 * The kind of the artifacts.
 */
kind: string, 
/**
 * Contents, every revision counted.
 */
contents: number, 
/**
 * Bytes as they are.
 */
bytes: number, 
/**
 * Bytes as they are kept.
 */
storedBytes: number, };

/**
 * A way to free bytes. What one frees, another may free too.
 */
export type Remedy = "vacuum" | "checkpoint" | "seal" | "snapshots" | "quarantine" | "removed" | "erase" | "contents" | "retention";

/**
 * What a remedy would free.
 */
export type Reclaimable = { 
/**
 * The remedy.
 */
remedy: Remedy, 
/**
 * Bytes.
 */
bytes: number, };

/**
 * How often calls failed with a code.
 */
export type FailureCount = { 
/**
 * The code.
 */
code: Code, 
/**
 * How often.
 */
count: number, };

/**
 * What became of the calls of one method since the store was opened.
 */
export type OperationStats = { 
/**
 * The method, such as `messages.append`.
 */
method: string, 
/**
 * Calls that were answered.
 */
ok: number, 
/**
 * Calls that failed, by error code.
 */
failed: Array<FailureCount>, 
/**
 * From the call's turn to its answer: its own work and what it takes to keep it.
 */
latency: LatencySummary, };

/**
 * What an archive is of.
 */
export type ArchiveScope = { "kind": "all" } | { "kind": "user", 
/**
 * The user.
 */
id: string, } | { "kind": "context", 
/**
 * The user.
 */
userId: string, 
/**
 * The context's name.
 */
name: string, } | { "kind": "construct", 
/**
 * The construct.
 */
id: string, } | { "kind": "conversation", 
/**
 * The conversation.
 */
id: string, } | { "kind": "chart", 
/**
 * The user.
 */
userId: string, 
/**
 * The context the chart is in.
 */
context: string, 
/**
 * The chart's id.
 */
chart: string, };

/**
 * What a file on its way out is.
 */
export type ExportForm = "archive" | "sqlite";

/**
 * Asks for an archive.
 */
export type ExportRequest = { 
/**
 * What it is of: everything by default, or everything of the user whose view asks.
 */
scope?: ArchiveScope, 
/**
 * Whether the `SQLite` file goes with it, as `store.sqlite3`; only in an archive of everything.
 */
sqlite?: boolean, 
/**
 * Whether every conversation goes with it as Markdown too, in `conversations/`.
 */
markdown?: boolean, 
/**
 * What the file is: an archive by default.
 */
as?: ExportForm, };

/**
 * How far an export is.
 */
export type ExportProgress = { 
/**
 * Bytes read so far, of records and contents.
 */
done: number, 
/**
 * About how many there will be.
 */
total: number, 
/**
 * Rows written.
 */
records: number, 
/**
 * Contents written.
 */
contents: number, 
/**
 * Whether the archive is whole.
 */
isDone: boolean, };

/**
 * An export that was begun.
 */
export type ExportBegun = { 
/**
 * Its number, for this worker's lifetime.
 */
export: number, 
/**
 * A name for its file.
 */
name: string, };

/**
 * Names an export.
 */
export type ExportRef = { 
/**
 * The export.
 */
export: number, };

/**
 * Asks for a backup as a file.
 */
export type ExportBackup = { 
/**
 * The backup's file in `backups/`.
 */
name: string, 
/**
 * Whether the file is wanted as it is, for a folder that follows the backups, rather than as an archive that stands alone.
 */
asItIs?: boolean, };

/**
 * What a backup is made for.
 */
export type BackupKind = "daily" | "weekly" | "manual";

/**
 * A backup.
 */
export type Backup = { 
/**
 * Its file in `backups/`.
 */
name: string, 
/**
 * What it was made for.
 */
kind: BackupKind, 
/**
 * What it is of.
 */
scope: ArchiveScope, 
/**
 * When it was made, in milliseconds since 1970-01-01 UTC.
 */
createdAt: number, 
/**
 * The last journal line that it holds.
 */
seq: number, 
/**
 * Bytes of its own file.
 */
bytes: number, 
/**
 * The files that it cannot be without.
 */
base: Array<string>, 
/**
 * Those of them that are not there: it cannot be restored.
 */
lost: Array<string>, 
/**
 * Why it cannot be read, if it cannot.
 */
damage?: string, };

/**
 * Names a backup.
 */
export type BackupRef = { 
/**
 * Its file in `backups/`.
 */
name: string, };

/**
 * Asks for a backup.
 */
export type BackupRequest = { 
/**
 * What it is of: everything by default.
 */
scope?: ArchiveScope, 
/**
 * Whether it stands alone, rather than to build on the newest one of the same.
 */
full?: boolean, };

/**
 * How far a backup is.
 */
export type BackupProgress = { 
/**
 * Whether it is being read back.
 */
isVerifying: boolean, 
/**
 * Bytes read so far.
 */
done: number, 
/**
 * About how many there will be.
 */
total: number, };

/**
 * What reading a backup back found.
 */
export type BackupVerified = { 
/**
 * Its file in `backups/`.
 */
name: string, 
/**
 * Bytes that were read, of what it builds on too.
 */
bytes: number, 
/**
 * What is not as it was written, one sentence each; none is well.
 */
findings: Array<string>, };

/**
 * What changed among the backups.
 */
export type BackupNews = { 
/**
 * One that was made, by itself or because someone asked for it.
 */
made?: Backup, 
/**
 * Those that went, by their files.
 */
removed: Array<string>, 
/**
 * Those that something was erased from, by their files.
 */
rewritten: Array<string>, };

/**
 * When backups are made by themselves, and how many stay.
 */
export type BackupSettings = { 
/**
 * Whether any are: true by default.
 */
enabled: boolean, 
/**
 * What they are of: everything by default.
 */
scope: ArchiveScope, 
/**
 * Daily ones that stay: 7 by default.
 */
daily: number, 
/**
 * Weekly ones that stay, which stand alone: 2 by default.
 */
weekly: number, 
/**
 * Days after which one goes, however many there are; the newest stays.
 */
maxAgeDays?: number, };

/**
 * An archive that left the store as a file.
 */
export type TakenArchive = { 
/**
 * The name it was offered under.
 */
name: string, 
/**
 * What it is of.
 */
scope: ArchiveScope, 
/**
 * When it was begun, in milliseconds since 1970-01-01 UTC.
 */
at: number, };

/**
 * What becomes of a record that the store has already, with another content.
 */
export type OnConflict = "skip" | "replace" | "keepBoth" | "newest";

/**
 * What becomes of the records of one kind.
 */
export type ImportKind = { 
/**
 * The group of calls that such records have: `conversations`.
 */
kind: string, 
/**
 * What becomes of those in conflict.
 */
onConflict: OnConflict, };

/**
 * What becomes of one record.
 */
export type ImportDecision = { 
/**
 * The table, as a conflict names it.
 */
table: string, 
/**
 * The record's id in the archive, as a conflict names it.
 */
id: string, 
/**
 * What becomes of it.
 */
onConflict: OnConflict, };

/**
 * How an archive is brought in.
 */
export type ImportOptions = { 
/**
 * What becomes of records in conflict: `skip` by default.
 */
onConflict?: OnConflict, 
/**
 * The same by kind.
 */
kinds?: Array<ImportKind>, 
/**
 * The same by record.
 */
decisions?: Array<ImportDecision>, 
/**
 * The user whose records they become. The archive must be of one user then; settings of the app and what it remembers of requests
 * are left out. A user's own view always does so.
 */
into?: string, };

/**
 * What became of the records of a table, or would.
 */
export type ImportCount = { 
/**
 * The table.
 */
table: string, 
/**
 * Records that the store did not have.
 */
added: number, 
/**
 * Records that it had just so.
 */
same: number, 
/**
 * Records in conflict of which the store's stayed.
 */
skipped: number, 
/**
 * Records in conflict of which the archive's took its place.
 */
replaced: number, 
/**
 * Records in conflict of which both are there.
 */
keptBoth: number, };

/**
 * A record that the store has already, with another content.
 */
export type ImportConflict = { 
/**
 * The table.
 */
table: string, 
/**
 * The kind by which [`ImportOptions::kinds`] decide about it; absent where none does.
 */
kind?: string, 
/**
 * Its id in the archive.
 */
id: string, 
/**
 * Its id in the store.
 */
storeId: string, 
/**
 * What becomes of it.
 */
onConflict: OnConflict, 
/**
 * When the archive's was changed last, in milliseconds since 1970-01-01 UTC; absent where that is not known.
 */
changedAt?: number, 
/**
 * The same of the store's.
 */
storeChangedAt?: number, };

/**
 * What an import does, or did.
 */
export type ImportReport = { 
/**
 * Whether it is done; else it was rehearsed.
 */
isDone: boolean, 
/**
 * By table, those without records left out.
 */
counts: Array<ImportCount>, 
/**
 * The first thousand conflicts about which nothing was decided one by one.
 */
conflicts: Array<ImportConflict>, 
/**
 * How many there are.
 */
conflictCount: number, 
/**
 * What could not be taken as it was, the first hundred.
 */
problems: Array<string>, 
/**
 * How many there are.
 */
problemCount: number, 
/**
 * What was found in other programs' exports; empty for an archive.
 */
formats: Array<ImportFormat>, };

/**
 * Bytes of a file on its way in; they come beside the request.
 */
export type ImportReceive = { 
/**
 * The import; a new one, which takes the place of any other, without.
 */
import?: number, 
/**
 * The file's name. Another one than before begins another file.
 */
name?: string, };

/**
 * Names an import.
 */
export type ImportRef = { 
/**
 * The import.
 */
import: number, };

/**
 * Goes on with an import.
 */
export type ImportStep = { 
/**
 * The import.
 */
import: number, 
/**
 * How it is brought in. Other ones than before begin the rehearsal anew.
 */
options?: ImportOptions, };

/**
 * What is done with an import at a time.
 */
export type ImportPhase = "receive" | "check" | "rehearse" | "ready" | "write";

/**
 * How far an import is.
 */
export type ImportProgress = { 
/**
 * Its number, for this worker's lifetime.
 */
import: number, 
/**
 * What is being done.
 */
phase: ImportPhase, 
/**
 * Bytes received or checked, or records looked up or written.
 */
done: number, 
/**
 * How many there are, where that is known.
 */
total?: number, 
/**
 * What would become of it, once that is known.
 */
report?: ImportReport, };

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
  'contexts.preload': { args: ContextRef; result: ContextPreload };
  'contexts.rename': { args: ContextRename; result: Context };
  'contexts.delete': { args: ContextRef; result: void };
  'settings.set': { args: SettingSet; result: Setting };
  'settings.get': { args: SettingRef; result: Setting | undefined };
  'settings.list': { args: SettingList; result: Array<Setting> };
  'settings.remove': { args: SettingRef; result: void };
  'retention.create': { args: NewRetentionPolicy; result: RetentionPolicy };
  'retention.get': { args: RetentionPolicyRef; result: RetentionPolicy };
  'retention.list': { args: RetentionPolicyList; result: Page<RetentionPolicy> };
  'retention.update': { args: RetentionPolicyUpdate; result: RetentionPolicy };
  'retention.remove': { args: RetentionPolicyRef; result: void };
  'retention.rehearse': { args: RetentionRun; result: RetentionReport };
  'retention.run': { args: RetentionRun; result: RetentionReport };
  'retention.erase': { args: EraseRecord; result: Erasure };
  'retention.erasures': { args: ErasureList; result: Page<Erasure> };
  'conversations.create': { args: NewConversation; result: Conversation };
  'conversations.get': { args: ConversationRef; result: Conversation };
  'conversations.list': { args: ConversationList; result: Page<Conversation> };
  'conversations.update': { args: ConversationUpdate; result: Conversation };
  'conversations.archive': { args: ConversationRef; result: Conversation };
  'conversations.unarchive': { args: ConversationRef; result: Conversation };
  'conversations.remove': { args: ConversationRef; result: Conversation };
  'conversations.restore': { args: ConversationRef; result: Conversation };
  'conversations.delete': { args: ConversationRef; result: void };
  'conversations.export': { args: ConversationExport; result: Array<ExportedText> };
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
  'constructs.create': { args: NewConstruct; result: Construct };
  'constructs.get': { args: ConstructRef; result: Construct };
  'constructs.list': { args: ConstructList; result: Page<Construct> };
  'constructs.update': { args: ConstructUpdate; result: Construct };
  'constructs.setStatus': { args: ConstructSetStatus; result: Construct };
  'constructs.remove': { args: ConstructRef; result: Construct };
  'constructs.restore': { args: ConstructRef; result: Construct };
  'constructs.delete': { args: ConstructRef; result: void };
  'sessions.create': { args: NewSession; result: Session };
  'sessions.get': { args: SessionRef; result: Session };
  'sessions.list': { args: SessionList; result: Page<Session> };
  'sessions.update': { args: SessionUpdate; result: Session };
  'sessions.suspend': { args: SessionRef; result: Session };
  'sessions.resume': { args: SessionRef; result: Session };
  'sessions.end': { args: SessionRef; result: Session };
  'sessions.fail': { args: SessionRef; result: Session };
  'sessions.delete': { args: SessionRef; result: void };
  'links.create': { args: NewConstructLink; result: ConstructLink };
  'links.get': { args: ConstructLinkRef; result: ConstructLink };
  'links.list': { args: ConstructLinkList; result: Page<ConstructLink> };
  'links.update': { args: ConstructLinkUpdate; result: ConstructLink };
  'links.delete': { args: ConstructLinkRef; result: void };
  'links.walk': { args: LinkWalk; result: Page<Reached> };
  'artifacts.create': { args: NewArtifact; result: Artifact };
  'artifacts.get': { args: ArtifactRef; result: Artifact };
  'artifacts.list': { args: ArtifactList; result: Page<Artifact> };
  'artifacts.update': { args: ArtifactUpdate; result: Artifact };
  'artifacts.delete': { args: ArtifactRef; result: void };
  'artifacts.revisions': { args: RevisionList; result: Page<ArtifactRevision> };
  'artifacts.forget': { args: RevisionRef; result: void };
  'uploads.create': { args: NewArtifact; result: Upload };
  'uploads.get': { args: UploadRef; result: Upload };
  'uploads.list': { args: UploadList; result: Page<Upload> };
  'uploads.publish': { args: UploadRef; result: Artifact };
  'uploads.delete': { args: UploadRef; result: void };
  'timeline.append': { args: NewTimelineEvent; result: TimelineEvent };
  'timeline.get': { args: TimelineEventRef; result: TimelineEvent };
  'timeline.list': { args: TimelineList; result: Page<TimelineEvent> };
  'metrics.record': { args: NewMetric; result: Metric };
  'metrics.recordAll': { args: RecordAll; result: Array<string> };
  'metrics.list': { args: MetricList; result: Page<Metric> };
  'metrics.summary': { args: MetricSummary; result: Array<MetricBucket> };
  'learnings.create': { args: NewLearning; result: Learning };
  'learnings.get': { args: LearningRef; result: Learning };
  'learnings.list': { args: LearningList; result: Page<Learning> };
  'learnings.update': { args: LearningUpdate; result: Learning };
  'learnings.delete': { args: LearningRef; result: void };
  'jobs.enqueue': { args: NewJob; result: Job };
  'jobs.dequeue': { args: Dequeue; result: Array<Job> };
  'jobs.renew': { args: JobRenewal; result: Job };
  'jobs.complete': { args: JobCompletion; result: Job };
  'jobs.fail': { args: JobFailure; result: Job };
  'jobs.release': { args: JobLease; result: Job };
  'jobs.cancel': { args: JobRef; result: Job };
  'jobs.revive': { args: JobRef; result: Job };
  'jobs.get': { args: JobRef; result: Job };
  'jobs.list': { args: JobList; result: Page<Job> };
  'jobs.counts': { args: JobCounting; result: Array<JobCount> };
  'jobs.removeEnded': { args: JobRemoval; result: number };
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
  'charts.lines': { args: LinesRead; result: LinePage };
  'charts.clear': { args: GraphRef; result: void };
  'search.query': { args: SearchQuery; result: SearchPage };
}

/** Contexts: work, personal, learning, …: a user's domains of life, kept apart. A context is there once a record goes to it. */
export interface Contexts {
  /** Creates a context, so that it is listed before anything is in it. Doing so twice is doing so once. */
  create(args: ContextRef, options?: WriteOptions): Promise<Context>;
  /** Reads a context with its counts. Rejects with `not_found`. */
  get(args: ContextRef, options?: CallOptions): Promise<Context>;
  /** Lists a user's contexts by name. */
  list(args?: ContextList, options?: CallOptions): Promise<Array<Context>>;
  /** Reads ahead what is shown first of a context: the first page of each list, and the newest messages of its three newest
   * conversations, up to 256 KiB of text. They are read faster then. Rejects with `not_found`. */
  preload(args: ContextRef, options?: CallOptions): Promise<ContextPreload>;
  /** Gives a context another name, or moves all its records to one that is there already. */
  rename(args: ContextRename, options?: WriteOptions): Promise<Context>;
  /** Deletes an empty context. Rejects with `conflict` while anything is in it. */
  delete(args: ContextRef, options?: WriteOptions): Promise<void>;
}

/** Settings: named JSON values of the app, or of one user. */
export interface Settings {
  /** Sets a setting. */
  set(args: SettingSet, options?: WriteOptions): Promise<Setting>;
  /** Reads a setting; undefined if it is not set. */
  get(args: SettingRef, options?: CallOptions): Promise<Setting | undefined>;
  /** Lists all settings of a user, or of the app, by name. */
  list(args?: SettingList, options?: CallOptions): Promise<Array<Setting>>;
  /** Unsets a setting. Doing so twice is doing so once. */
  remove(args: SettingRef, options?: WriteOptions): Promise<void>;
}

/** Retention: letting go of records, for good. */
export interface Retention {
  /** Creates a policy by which records are let go of. */
  create(args: NewRetentionPolicy, options?: WriteOptions): Promise<RetentionPolicy>;
  /** Reads a policy. Rejects with `not_found`. */
  get(args: RetentionPolicyRef, options?: CallOptions): Promise<RetentionPolicy>;
  /** Lists policies in the order they were made. */
  list(args?: RetentionPolicyList, options?: CallOptions): Promise<Page<RetentionPolicy>>;
  /** Changes a policy. Rejects with `conflict` when it has moved on from `version`. */
  update(args: RetentionPolicyUpdate, options?: WriteOptions): Promise<RetentionPolicy>;
  /** Removes a policy; what it did stays done. */
  remove(args: RetentionPolicyRef, options?: WriteOptions): Promise<void>;
  /** Says what a policy would do next, and changes nothing. */
  rehearse(args: RetentionRun, options?: WriteOptions): Promise<RetentionReport>;
  /** Lets go of some records that a policy is for; call it again while there are `more`. */
  run(args: RetentionRun, options?: WriteOptions): Promise<RetentionReport>;
  /** Erases a user or a conversation for good: from the tables at once, and behind the answer from every file
   * of the store, the journal's older lines included. `retention.erasures` says when nothing of it is left. */
  erase(id: string, options?: WriteOptions): Promise<Erasure>;
  /** Lists erasures, newest first, and how far each has come. */
  erasures(args?: ErasureList, options?: CallOptions): Promise<Page<Erasure>>;
}

/** Constructs: what agents work on and in, from its provisioning to its end. */
export interface Constructs {
  /** Creates a construct, which is `pending`. */
  create(args: NewConstruct, options?: WriteOptions): Promise<Construct>;
  /** Reads a construct, removed ones included. Rejects with `not_found`. */
  get(id: string, options?: CallOptions): Promise<Construct>;
  /** Lists a user's constructs by time, newest first unless asked otherwise. */
  list(args?: ConstructList, options?: CallOptions): Promise<Page<Construct>>;
  /** Changes a construct. Rejects with `conflict` when it has moved on from `version`. */
  update(args: ConstructUpdate, options?: WriteOptions): Promise<Construct>;
  /** Changes a construct's status, and tells the timeline. One that it has already changes nothing. Rejects with `conflict`
   * where its status does not lead to the new one, and when it is removed. */
  setStatus(args: ConstructSetStatus, options?: WriteOptions): Promise<Construct>;
  /** Takes a construct out of every list and walk; it can be restored. Doing so twice is doing so once. */
  remove(id: string, options?: WriteOptions): Promise<Construct>;
  /** Takes back a removal. */
  restore(id: string, options?: WriteOptions): Promise<Construct>;
  /** Deletes a construct with everything below it: sessions with their transcripts, links, artifacts, events and metrics. */
  delete(id: string, options?: WriteOptions): Promise<void>;
}

/** Sessions: stretches of work on a construct, which keep their state and can be left and resumed. Their transcripts are conversations. */
export interface Sessions {
  /** Begins a session of a construct, with an empty transcript, to be read and written by `messages`. Rejects with `conflict`
   * when the construct is removed or retired. */
  create(args: NewSession, options?: WriteOptions): Promise<Session>;
  /** Reads a session. Rejects with `not_found`. */
  get(id: string, options?: CallOptions): Promise<Session>;
  /** Lists a user's sessions by when they last changed, newest first unless asked otherwise. */
  list(args?: SessionList, options?: CallOptions): Promise<Page<Session>>;
  /** Changes a session's name, state or fields. Rejects with `conflict` when it has moved on from `version`. */
  update(args: SessionUpdate, options?: WriteOptions): Promise<Session>;
  /** Leaves an active session, to be resumed. This and what follows tells the timeline, changes nothing when it is so
   * already, and rejects with `conflict` where the session's status does not lead there. */
  suspend(id: string, options?: WriteOptions): Promise<Session>;
  /** Takes a suspended or failed session up again. */
  resume(id: string, options?: WriteOptions): Promise<Session>;
  /** Ends a session, for good. */
  end(id: string, options?: WriteOptions): Promise<Session>;
  /** Marks an active or suspended session as failed; it can be resumed. */
  fail(id: string, options?: WriteOptions): Promise<Session>;
  /** Deletes a session with its transcript, artifacts, events and metrics. */
  delete(id: string, options?: WriteOptions): Promise<void>;
}

/** Links between constructs: which one implements, follows or duplicates which. */
export interface Links {
  /** Links a construct to another of the same user. Rejects with `conflict` when they are linked like this already. */
  create(args: NewConstructLink, options?: WriteOptions): Promise<ConstructLink>;
  /** Reads a link. Rejects with `not_found`. */
  get(id: string, options?: CallOptions): Promise<ConstructLink>;
  /** Lists a user's links by when they were created, newest first unless asked otherwise. */
  list(args?: ConstructLinkList, options?: CallOptions): Promise<Page<ConstructLink>>;
  /** Changes what the app keeps with a link. Rejects with `conflict` when it has moved on from `version`. */
  update(args: ConstructLinkUpdate, options?: WriteOptions): Promise<ConstructLink>;
  /** Takes a link away; the constructs stay. */
  delete(id: string, options?: WriteOptions): Promise<void>;
  /** Gives the constructs that links lead to from one, the nearest first, each once. Removed ones are left out, and nothing is
   * reached through them. */
  walk(args: LinkWalk, options?: CallOptions): Promise<Page<Reached>>;
}

/** Artifacts: what comes out of the work, such as plans, diffs, logs and files. */
export interface Artifacts {
  /** Keeps what is known of an artifact. */
  create(args: NewArtifact, options?: WriteOptions): Promise<Artifact>;
  /** Reads what is known of an artifact. Rejects with `not_found`. */
  get(id: string, options?: CallOptions): Promise<Artifact>;
  /** Lists a user's artifacts by when they were created, newest first unless asked otherwise. */
  list(args?: ArtifactList, options?: CallOptions): Promise<Page<Artifact>>;
  /** Changes what is known of an artifact. Rejects with `conflict` when it has moved on from `version`. */
  update(args: ArtifactUpdate, options?: WriteOptions): Promise<Artifact>;
  /** Deletes what is known of an artifact. */
  delete(id: string, options?: WriteOptions): Promise<void>;
  /** Lists the revisions of an artifact's content, the newest first. */
  revisions(args: RevisionList, options?: CallOptions): Promise<Page<ArtifactRevision>>;
  /** Deletes a revision of an artifact's content that is not the current one; that is `conflict`. */
  forget(args: RevisionRef, options?: WriteOptions): Promise<void>;
}

/** Uploads: files on their way in, in parts, which go on after a reload and become artifacts. */
export interface Uploads {
  /** Begins an upload of what is to become an artifact. `invalid_argument` for what the setting `uploads.limits` forbids. */
  create(args: NewArtifact, options?: WriteOptions): Promise<Upload>;
  /** Reads an upload. */
  get(id: string, options?: CallOptions): Promise<Upload>;
  /** Lists a user's uploads by when they were created, newest first unless asked otherwise. */
  list(args?: UploadList, options?: CallOptions): Promise<Page<Upload>>;
  /** Makes an artifact of an upload that is stored; doing so again gives the same artifact. `conflict` while it is not stored. */
  publish(id: string, options?: WriteOptions): Promise<Artifact>;
  /** Deletes an upload and what has arrived of it. What it became stays. */
  delete(id: string, options?: WriteOptions): Promise<void>;
}

/** The timeline: what happened when, in a construct, in a session, or to the user. */
export interface Timeline {
  /** Adds an event to the timeline. */
  append(args: NewTimelineEvent, options?: WriteOptions): Promise<TimelineEvent>;
  /** Reads an event. Rejects with `not_found`. */
  get(id: string, options?: CallOptions): Promise<TimelineEvent>;
  /** Lists a user's events by when they happened, newest first unless asked otherwise. */
  list(args?: TimelineList, options?: CallOptions): Promise<Page<TimelineEvent>>;
}

/** Metrics: measured values with their labels, and what they come to over time. */
export interface Metrics {
  /** Records a metric. */
  record(args: NewMetric, options?: WriteOptions): Promise<Metric>;
  /** Records metrics, all or none, and resolves to their ids. */
  recordAll(args: RecordAll, options?: WriteOptions): Promise<Array<string>>;
  /** Lists a user's metrics by when they were measured, newest first unless asked otherwise. */
  list(args?: MetricList, options?: CallOptions): Promise<Page<Metric>>;
  /** Sums metrics of one name up over buckets of time, oldest first: how many, their sum, mean, bounds and percentiles, all of
   * them exact. At most 1,000,000 metrics and 1,000 buckets. */
  summary(args: MetricSummary, options?: CallOptions): Promise<Array<MetricBucket>>;
}

/** Learnings: what was understood from conversations and work, how sure it is, and where it comes from. */
export interface Learnings {
  /** Keeps a learning. One that is known already in the same context is refused with `conflict`, merged or kept too, as
   * `onDuplicate` says. */
  create(args: NewLearning, options?: WriteOptions): Promise<Learning>;
  /** Reads a learning. Rejects with `not_found`. */
  get(id: string, options?: CallOptions): Promise<Learning>;
  /** Lists a user's learnings, last changed first unless asked otherwise. */
  list(args?: LearningList, options?: CallOptions): Promise<Page<Learning>>;
  /** Changes a learning. Rejects with `conflict` when it has moved on from `version`. */
  update(args: LearningUpdate, options?: WriteOptions): Promise<Learning>;
  /** Deletes a learning, for good. */
  delete(id: string, options?: WriteOptions): Promise<void>;
}

/** Jobs: work that waits in queues, is leased to one holder at a time, and is tried again when it fails. */
export interface Jobs {
  /** Puts a job into a queue; or, while one with the same key is queued or running, gives that one. */
  enqueue(args: NewJob, options?: WriteOptions): Promise<Job>;
  /** Takes the jobs to run next, those of the highest priority first, and leases them: until a lease runs out or is used,
   * no one else gets the job. `work` does this and what follows by itself. */
  dequeue(args: Dequeue, options?: WriteOptions): Promise<Array<Job>>;
  /** Makes a lease last from now. Rejects with `conflict` when it is not held any more. */
  renew(args: JobRenewal, options?: WriteOptions): Promise<Job>;
  /** Ends a job as done. Rejects with `conflict` when the lease is not held any more. */
  complete(args: JobCompletion, options?: WriteOptions): Promise<Job>;
  /** Ends an attempt that failed: the job waits for the next, longer each time, or is dead when it was the last. Rejects
   * with `conflict` when the lease is not held any more. */
  fail(args: JobFailure, options?: WriteOptions): Promise<Job>;
  /** Gives a job back as it was before it was taken. Rejects with `conflict` when the lease is not held any more. */
  release(args: JobLease, options?: WriteOptions): Promise<Job>;
  /** Calls a job off, also while it runs. Rejects with `conflict` when it is done or dead. */
  cancel(id: string, options?: WriteOptions): Promise<Job>;
  /** Queues a dead or cancelled job again, to run at once with all of its attempts. Rejects with `conflict` when it is
   * neither, or when another with its key is queued or running. */
  revive(id: string, options?: WriteOptions): Promise<Job>;
  /** Reads a job. Rejects with `not_found`. */
  get(id: string, options?: CallOptions): Promise<Job>;
  /** Lists a user's jobs in the order they were enqueued, newest first unless asked otherwise. */
  list(args?: JobList, options?: CallOptions): Promise<Page<Job>>;
  /** Counts a user's jobs by queue and state; what there is none of is left out. */
  counts(args?: JobCounting, options?: CallOptions): Promise<Array<JobCount>>;
  /** Removes a user's jobs that were done, dead or cancelled before a time, the oldest 1,000 at most; resolves to how many. */
  removeEnded(args: JobRemoval, options?: WriteOptions): Promise<number>;
}

/** Charts: graphs of entities, observations and relations, one per user and context, with structural tension charts on top. */
export interface Charts {
  /** Creates a chart with its parts and their relations, and says what to reconsider about it. */
  create(args: NewChart, options?: WriteOptions): Promise<ReviewedChart>;
  /** Reads a chart with what it is made of; the charts below it are named. Rejects with `not_found`. */
  get(args: ChartRef, options?: CallOptions): Promise<ChartDetail>;
  /** Lists charts by due date, the next first. Without a filter: those that are neither complete nor put away. */
  list(args?: ChartList, options?: CallOptions): Promise<Page<Chart>>;
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
  events(args?: ChartEventList, options?: CallOptions): Promise<Page<ChartEvent>>;
  /** Checks the graph of a context; each finding has a code. Nothing is changed. */
  check(args?: GraphRef, options?: CallOptions): Promise<ChartCheck>;
  /** Adds an entity to a graph. Rejects with `conflict` when its name is taken. */
  addEntity(args: NewEntity, options?: WriteOptions): Promise<Entity>;
  /** Reads an entity by its name. Rejects with `not_found`. */
  getEntity(args: EntityRef, options?: CallOptions): Promise<Entity>;
  /** Lists a graph's entities by name: those whose name a pattern matches, those that mention a text, or all. */
  entities(args?: EntityList, options?: CallOptions): Promise<Page<Entity>>;
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
  relations(args?: RelationList, options?: CallOptions): Promise<Page<Relation>>;
  /** Gives a relation other fields. Rejects with `conflict` when it moved on since the version given. */
  updateRelation(args: RelationUpdate, options?: WriteOptions): Promise<Relation>;
  /** Deletes a relation. */
  deleteRelation(args: RelationRef, options?: WriteOptions): Promise<void>;
  /** Reads a graph in the order of its lines, page by page. */
  graph(args?: GraphRead, options?: CallOptions): Promise<GraphPage>;
  /** Loads JSON Lines into a graph and says what became of each. What cannot be taken is set aside and kept as it is. */
  load(args: LoadLines, options?: WriteOptions): Promise<LoadReport>;
  /** Writes a graph as JSON Lines, page by page: loaded files come out as they went in, with what changed since. */
  lines(args?: LinesRead, options?: CallOptions): Promise<LinePage>;
  /** Deletes a whole graph with every line, and forgets what happened in its charts. */
  clear(args?: GraphRef, options?: WriteOptions): Promise<void>;
}

/** The groups that are made from the table of methods. */
export interface Groups {
  /** Contexts: work, personal, learning, …: a user's domains of life, kept apart. A context is there once a record goes to it. */
  readonly contexts: Contexts;
  /** Settings: named JSON values of the app, or of one user. */
  readonly settings: Settings;
  /** Retention: letting go of records, for good. */
  readonly retention: Retention;
  /** Constructs: what agents work on and in, from its provisioning to its end. */
  readonly constructs: Constructs;
  /** Sessions: stretches of work on a construct, which keep their state and can be left and resumed. Their transcripts are conversations. */
  readonly sessions: Sessions;
  /** Links between constructs: which one implements, follows or duplicates which. */
  readonly links: Links;
  /** Artifacts: what comes out of the work, such as plans, diffs, logs and files. */
  readonly artifacts: Artifacts;
  /** Uploads: files on their way in, in parts, which go on after a reload and become artifacts. */
  readonly uploads: Uploads;
  /** The timeline: what happened when, in a construct, in a session, or to the user. */
  readonly timeline: Timeline;
  /** Metrics: measured values with their labels, and what they come to over time. */
  readonly metrics: Metrics;
  /** Learnings: what was understood from conversations and work, how sure it is, and where it comes from. */
  readonly learnings: Learnings;
  /** Jobs: work that waits in queues, is leased to one holder at a time, and is tried again when it fails. */
  readonly jobs: Jobs;
  /** Charts: graphs of entities, observations and relations, one per user and context, with structural tension charts on top. */
  readonly charts: Charts;
}
