/**
 * The token of this tab. It lives as long as the tab, in no cookie, so that no other site can make the browser send it.
 */
const KEY = "circle-token";
const listeners = new Set<() => void>();

function tell(): void {
  for (const listener of listeners) {
    listener();
  }
}

export const session = {
  token: (): string | null => sessionStorage.getItem(KEY),
  begin(token: string): void {
    sessionStorage.setItem(KEY, token);
    tell();
  },
  end(): void {
    sessionStorage.removeItem(KEY);
    tell();
  },
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};
