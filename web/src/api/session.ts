/**
 * Who is signed in. An account's session is a cookie that no script reads: here is only a mark that there is one, for all tabs. A token
 * lives as long as its tab, in no cookie, so that no other site can make the browser send it.
 */
const TOKEN = "circle-token";
const ACCOUNT = "circle-account";
const listeners = new Set<() => void>();

function tell(): void {
  for (const listener of listeners) {
    listener();
  }
}

export const session = {
  token: (): string | null => sessionStorage.getItem(TOKEN),
  isOpen: (): boolean => session.token() !== null || localStorage.getItem(ACCOUNT) !== null,
  begin(token: string): void {
    sessionStorage.setItem(TOKEN, token);
    tell();
  },
  /** The server has set its cookie. */
  beginAccount(name: string): void {
    localStorage.setItem(ACCOUNT, name);
    tell();
  },
  end(): void {
    sessionStorage.removeItem(TOKEN);
    localStorage.removeItem(ACCOUNT);
    tell();
  },
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    window.addEventListener("storage", listener);
    return () => {
      listeners.delete(listener);
      window.removeEventListener("storage", listener);
    };
  },
};
