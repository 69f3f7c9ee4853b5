// The API key: kept until the tab is closed, and shared with other tabs of the page.

import { session } from "./storage";

const NAME = "nigh-key";
/** How long another tab may take to tell the key, in milliseconds. */
const PATIENCE = 200;

const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel(NAME) : null;

interface Message { wanted?: true; key?: string }

channel?.addEventListener("message", (event: MessageEvent<Message>) => {
  const key = getKey();
  if (event.data.wanted && key) channel.postMessage({ key });
});

export function getKey(): string | null {
  return session.get(NAME);
}

export function setKey(key: string) {
  session.set(NAME, key);
}

export function dropKey() {
  session.remove(NAME);
}

/** Asks the other tabs for the key; whether there is one now. */
export async function askOtherTabs(): Promise<boolean> {
  if (!channel) return getKey() !== null;
  const key = await new Promise<string | null>((resolve) => {
    const told = (event: MessageEvent<Message>) => { if (event.data.key) resolve(event.data.key); };
    channel.addEventListener("message", told);
    channel.postMessage({ wanted: true });
    setTimeout(() => {
      channel.removeEventListener("message", told);
      resolve(null);
    }, PATIENCE);
  });
  if (key) setKey(key);
  // The user may have given one meanwhile.
  return getKey() !== null;
}
