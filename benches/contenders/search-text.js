// A query as a person types it; see works/search.js.

export function searchText({ words = [], phrase, prefix, without }) {
  const typed = [...words, ...(phrase ? [`"${phrase.join(' ')}"`] : []), ...(prefix ? [`${prefix}*`] : [])];
  return [...typed, ...(without ? [`-${without}`] : [])].join(' ');
}
