// Generated from the Rust types; `cargo xtask types` writes it anew. A test fails when it is stale.

/** The methods of the groups that are made from the table. */
export const METHODS = {
  contexts: 'create get list preload rename delete',
  settings: 'set get list remove',
  retention: 'create get list update remove rehearse run erase erasures',
  constructs: 'create get list update setStatus remove restore delete',
  sessions: 'create get list update suspend resume end fail delete',
  links: 'create get list update delete walk',
  artifacts: 'create get list update delete revisions forget',
  uploads: 'create get list publish delete',
  timeline: 'append get list',
  metrics: 'record recordAll list summary',
  learnings: 'create get list update delete',
  jobs: 'enqueue dequeue renew complete fail release cancel revive get list counts removeEnded',
  charts: 'create get list children progress update updateReality setPhase addStep updateStep telescope completeStep complete removeStep remove move archive unarchive events check addEntity getEntity entities updateEntity addObservations removeObservations deleteEntity addRelation relations updateRelation deleteRelation graph load lines clear',
} as const;
