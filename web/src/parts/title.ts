import { useEffect } from "react";

/** Names the tab after what it shows. */
export function useTitle(...parts: (string | null | undefined)[]): void {
  const title = [...parts, "Circle"].filter((part) => part != null && part !== "").join(" · ");
  useEffect(() => {
    document.title = title;
  }, [title]);
}
