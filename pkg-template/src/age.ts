/** The age library, bundled into one script that is loaded when it is first needed. */

/** @internal */
export { armor, Decrypter, Encrypter } from 'age-encryption';
