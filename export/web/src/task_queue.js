/** Runs one task at a time, the most urgent first. */
export class TaskQueue {
  #names;
  #tasks = new Map();
  #running = false;

  /** @param {string[]} names of tasks, the most urgent first */
  constructor(names) {
    this.#names = names;
  }

  /**
   * Adds a task, which replaces the one of that name, even if that has begun.
   *
   * @param {string} name
   * @param {(() => Promise<() => void>)[]} steps work that returns what to do with its result; that is not done
   *     if the task has been replaced in the meantime
   */
  put(name, steps) {
    this.#tasks.set(name, { steps: [...steps] });
    this.#run();
  }

  async #run() {
    if (this.#running) return;
    this.#running = true;
    try {
      for (let name; (name = this.#names.find((one) => this.#tasks.get(one)?.steps.length)); ) {
        const task = this.#tasks.get(name);
        const finish = await task.steps.shift()();
        if (this.#tasks.get(name) === task) finish();
      }
    } finally {
      this.#running = false;
    }
  }
}
