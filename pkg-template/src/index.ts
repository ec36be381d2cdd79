export type { ArtifactContent, ArtifactGroup, ContentOptions, NewArtifactContent, ReadOptions } from './artifacts.js';
export type { FolderState } from './backup-folder.js';
export type { Backups, ExportOptions, Exported, ImportSource, RehearseOptions, TakeInOptions } from './backups.js';
export type { DecryptionKeys, Encryption } from './encryption.js';
export { StrongroomError } from './errors.js';
export type { Eviction } from './eviction.js';
export type { FollowUpdate } from './follow.js';
export type {
  ContinueOptions,
  Conversations,
  History,
  Messages,
  Migrations,
  NewStream,
  RetentionGroup,
  Search,
  StoreSearch,
  Streams,
  TableGroups,
  Users,
} from './groups.js';
export type { Health, StorageReport } from './health.js';
export type { WatchOptions } from './live.js';
export type { CallOptions, WriteOptions } from './options.js';
export type { SeenText, TextHook } from './sanitise.js';
export { serveArtifacts } from './serving.js';
export type { CreateBackupOptions, OpenBackupOptions, StoreBackups, VerifyBackupOptions } from './store-backups.js';
export { openStore } from './store.js';
export type { Store, StoreEvents, StoreOptions, StoreState, UserView } from './store.js';
export type { TextStream } from './text.js';
export type * from './types.js';
export type { UploadGroup } from './uploads.js';
export type { JobContext, JobGroup, JobHandler, WorkOptions } from './work.js';
export type { AbortOptions, CloseOptions, Delta, MessageWriter } from './writer.js';
