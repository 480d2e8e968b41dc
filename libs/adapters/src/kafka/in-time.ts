/** Rejects with `late()` where the promise takes longer; what becomes of it afterwards is nobody's concern. */
export const inTime = <T>(promise: Promise<T>, ms: number, late: () => Error): Promise<T> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
