// IndexedDB, one record per chunk under a compound key.
const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

export async function open({ durability, directory }) {
  const opening = indexedDB.open(directory, 1);
  opening.onupgradeneeded = () =>
    opening.result.createObjectStore('chunk', { keyPath: ['user', 'conversation', 'message', 'seq'] });
  const db = await done(opening);
  return {
    write(seq, text) {
      const transaction = db.transaction('chunk', 'readwrite', { durability });
      const chunk = { user: 1, conversation: 1, message: 1, seq, part: 0, text, tokens: 60, at: Date.now() };
      transaction.objectStore('chunk').put(chunk);
      transaction.commit();
      return new Promise((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onerror = () => reject(transaction.error);
      });
    },
    async read() {
      const range = IDBKeyRange.bound([1, 1, 1, 0], [1, 1, 1, Infinity]);
      const chunks = await done(db.transaction('chunk').objectStore('chunk').getAll(range));
      return chunks.map((chunk) => chunk.text).join('');
    },
    async close() {
      db.close();
      await done(indexedDB.deleteDatabase(directory));
    },
  };
}
