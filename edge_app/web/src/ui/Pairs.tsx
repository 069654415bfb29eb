/** Terms and what is to be said of each. */
export type Pair = [term: string, value: string];

export function Pairs({ pairs, class: name = "" }: { pairs: Pair[]; class?: string }) {
  return (
    <dl class={`pairs ${name}`}>
      {pairs.map(([term, value]) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
