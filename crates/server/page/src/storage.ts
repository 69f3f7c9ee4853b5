// What the browser keeps for the page. It may be told to keep nothing: then it lasts until the page is closed.

const memory = new Map<string, string>();

/** A place to keep texts by name, which never fails. */
function keeper(storage: () => Storage) {
  return {
    get(name: string): string | null {
      try {
        return storage().getItem(name) ?? memory.get(name) ?? null;
      } catch {
        return memory.get(name) ?? null;
      }
    },
    set(name: string, value: string) {
      memory.set(name, value);
      try {
        storage().setItem(name, value);
      } catch {
        // Blocked, or full.
      }
    },
    remove(name: string) {
      memory.delete(name);
      try {
        storage().removeItem(name);
      } catch {
        // Blocked.
      }
    },
  };
}

/** Until the tab is closed. */
export const session = keeper(() => sessionStorage);
/** For good. */
export const local = keeper(() => localStorage);
