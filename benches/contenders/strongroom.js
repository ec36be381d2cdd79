// strongroom's engine, called inside the worker.
import init, { Engine } from '../../pkg/strongroom.js';

export async function open({ durability, directory }) {
  await init();
  const engine = await Engine.open({ name: directory, storage: 'opfs', engine: { durability } });
  engine.setListening(false);
  const call = (method, args) => {
    const [[status, value]] = engine.turn([[method, args, undefined, undefined]]);
    if (status !== 0) throw new Error(`${method}: ${value.message}`);
    return value;
  };
  await engine.tick(true);
  const user = call('users.create', { name: 'bench' });
  const conversation = call('conversations.create', { userId: user.id });
  const { stream, message } = call('messages.stream', {
    conversationId: conversation.id,
    message: { role: 'assistant' },
  });
  return {
    async write(_seq, text) {
      call('streams.write', { stream, deltas: [text], tokens: [60] });
      if (engine.needsTick()) await engine.tick(false);
    },
    read: () => call('messages.get', { id: message.id }).text,
    async finish() {
      for (let i = 0; i < 10 && engine.due() !== undefined; i++) await engine.tick(true);
    },
    close: () => engine.close(),
  };
}
