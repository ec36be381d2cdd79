// Generated from the Rust types; `cargo xtask types` writes it anew. A test fails when it is stale.

/** The methods of the groups that are made from the table. */
export const METHODS = {
  contexts: 'create get list rename delete',
  settings: 'set get list remove',
  charts: 'create get list children progress update updateReality setPhase addStep updateStep telescope completeStep complete removeStep remove move archive unarchive events check addEntity getEntity entities updateEntity addObservations removeObservations deleteEntity addRelation relations updateRelation deleteRelation graph load lines clear',
} as const;
