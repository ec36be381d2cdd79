// The content security policy of the demo, as a header and as the page's own <meta>.

/** The one Trusted Types policy, which names the two scripts that may run beside the page. */
export const TRUSTED_TYPES_POLICY = 'demo';

const directives = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "media-src 'self'",
  "manifest-src 'self'",
  // An answer may come from any address that the user types in.
  "connect-src 'self' https: http://localhost:* http://127.0.0.1:*",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  `trusted-types ${TRUSTED_TYPES_POLICY}`,
];

/** The policy as a <meta> can carry it. */
export const META = directives.join('; ');

/** The policy as a header, with what a <meta> cannot say. */
export const HEADER = [...directives, "frame-ancestors 'none'"].join('; ');

/** Every header of a page. */
export const HEADERS = {
  'Content-Security-Policy': HEADER,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};
