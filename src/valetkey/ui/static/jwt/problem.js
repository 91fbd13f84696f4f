// What a person can put right: the name of a sentence of the page, and what stands in it.

export class Problem extends Error {
  constructor(name, values = {}) {
    super(name);
    this.name = name;
    this.values = values;
  }
}
