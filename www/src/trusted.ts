// The addresses of scripts that this page may start, under the Trusted Types policy that its headers ask for.

import workerUrl from '../../pkg/worker.js?worker&url';
import { TRUSTED_TYPES_POLICY } from '../csp.mjs';

interface Policy {
  createScriptURL(url: string): string;
}

interface PolicyFactory {
  createPolicy(name: string, rules: Policy): Policy;
}

/** The service worker's address. */
export const SERVICE_WORKER: string = './sw.js';

const allowed = new Set<string>([workerUrl, SERVICE_WORKER]);

const rules: Policy = {
  createScriptURL(url) {
    if (!allowed.has(url)) throw new TypeError(`${url} is not a script of this page`);
    return url;
  },
};

const factory = (globalThis as { trustedTypes?: PolicyFactory }).trustedTypes;
const policy = factory?.createPolicy(TRUSTED_TYPES_POLICY, rules) ?? rules;

/** The address as a trusted one. Throws for any other script. */
export function scriptUrl(url: string): string {
  return policy.createScriptURL(url);
}
