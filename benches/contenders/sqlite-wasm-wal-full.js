import { openWith } from '../sqlite-wasm.js';

export const open = ({ directory }) =>
  openWith(directory, 'PRAGMA locking_mode = exclusive; PRAGMA journal_mode = wal; PRAGMA synchronous = full');
