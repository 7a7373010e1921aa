// Archives that the host makes: asked for, waited for, fetched when the host says that they are whole.

export class Downloads {
  constructor(say) {
    this.say = say;
    this.waiting = new Map(); // archive -> what fetches it
    this.early = new Set(); // those that were ready before the answer to the request was read
  }

  wait(item, fetch) {
    if (this.early.delete(item)) fetch();
    else this.waiting.set(item, fetch);
  }

  ready(item) {
    const fetch = this.waiting.get(item);
    this.waiting.delete(item);
    if (fetch) fetch();
    else this.early.add(item);
  }

  failed(item) {
    if (this.waiting.delete(item)) this.say(["The archive could not be made. Try again with fewer pictures."]);
  }
}
