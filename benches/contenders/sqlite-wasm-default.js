import { openWith } from '../sqlite-wasm.js';

export const open = ({ directory }) => openWith(directory, '');
