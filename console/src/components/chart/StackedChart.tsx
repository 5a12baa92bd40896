// The one file that knows uPlot: bars on top of each other, over time. Dragging across it chooses a time. Loaded when a page first shows a chart.
import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useEffectEvent, useRef } from 'react';
import './usable-language.ts';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useTimeZone } from '../time-zone.tsx';
import { heightOf, stacked, tickText } from './stack.ts';

/** A moment that something was changed at, in milliseconds since 1970. */
export type ChartMark = { readonly at: number; readonly label: string };

export type StackedChartProps = {
  /** Of each bar, in milliseconds since 1970. */
  readonly starts: readonly number[];
  readonly bucketMs: number;
  /** From the bottom to the top. */
  readonly layers: readonly { readonly color: string; readonly values: readonly number[] }[];
  /** Says in a sentence what the chart shows; a table has the numbers. */
  readonly label: string;
  readonly marks?: readonly ChartMark[];
  /** Undefined: the pointer left. */
  readonly onPoint: (bar: number | undefined) => void;
  readonly onZoom: (from: number, until: number) => void;
};

const height = 200;
/** A click is no drag. */
const leastDragPx = 6;

const inScheme = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const StackedChart = ({ starts, bucketMs, layers, label, marks = [], onPoint, onZoom }: StackedChartProps) => {
  const frame = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(undefined);
  const scheme = useComputedColorScheme('light');
  const { zone } = useTimeZone();
  const point = useEffectEvent(onPoint);
  const zoom = useEffectEvent(onZoom);
  const shown = useRef({ starts, bucketMs, layers, marks });
  const colors = layers.map(({ color }) => color).join(' ');

  useEffect(() => {
    shown.current = { starts, bucketMs, layers, marks };
    chart.current?.setData(dataOf(shown.current));
  }, [starts, bucketMs, layers, marks]);

  useEffect(() => {
    const element = frame.current;
    if (element === null) return undefined;
    const made = new uPlot(
      {
        width: Math.max(element.clientWidth, 100),
        height,
        legend: { show: false },
        padding: [8, 24, 0, 0],
        cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
        scales: {
          x: { time: true, range: () => rangeOf(shown.current) },
          y: { range: () => [0, heightOf(shown.current.layers.map(({ values }) => values))] },
        },
        axes: axesFor(zone),
        series: [
          {},
          ...colors
            .split(' ')
            .toReversed()
            .map((color) => ({
              fill: inScheme(color),
              stroke: inScheme(color),
              width: 0,
              points: { show: false },
              paths: uPlot.paths.bars?.({ size: [0.86, 64], align: 1 }),
            })),
        ],
        hooks: {
          setCursor: [({ cursor }) => point(cursor.idx ?? undefined)],
          setSelect: [
            (self) => {
              const { left, width } = self.select;
              if (width < leastDragPx) return;
              zoom(self.posToVal(left, 'x') * 1_000, self.posToVal(left + width, 'x') * 1_000);
              self.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            },
          ],
          draw: [(self) => drawMarks(self, shown.current.marks)],
        },
      },
      dataOf(shown.current),
      element,
    );
    chart.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: Math.max(element.clientWidth, 100), height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
      chart.current = undefined;
    };
  }, [scheme, zone, colors]);

  return <div ref={frame} className="chart" role="img" aria-label={label} style={{ height }} onPointerLeave={() => onPoint(undefined)} />;
};

type Shown = Pick<StackedChartProps, 'starts' | 'bucketMs' | 'layers'>;

const dataOf = ({ starts, layers }: Shown): uPlot.AlignedData => [
  starts.map((start) => start / 1_000),
  ...stacked(layers.map(({ values }) => values)),
];

const rangeOf = ({ starts, bucketMs }: Shown): [number, number] => [(starts[0] ?? 0) / 1_000, ((starts.at(-1) ?? 0) + bucketMs) / 1_000];

const axesFor = (zone: 'UTC' | 'local'): uPlot.Axis[] => {
  const look = {
    stroke: inScheme('--mantine-color-dimmed'),
    font: `12px ${inScheme('--mantine-font-family')}`,
    ticks: { show: false },
    grid: { stroke: inScheme('--console-line'), width: 1 },
  };
  return [
    {
      ...look,
      space: 64,
      size: 28,
      grid: { show: false },
      values: (_, ticks, __, ___, increment) => ticks.map((tick) => tickText(tick * 1_000, increment * 1_000, zone)),
    },
    {
      ...look,
      size: 52,
      space: 40,
      incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7],
      values: (_, ticks) => ticks.map((tick) => tick.toLocaleString('en-US', { notation: tick < 10_000 ? 'standard' : 'compact' })),
    },
  ];
};

/** A dashed line from top to bottom. */
const drawMarks = (self: uPlot, marks: readonly ChartMark[]): void => {
  const { ctx, bbox } = self;
  ctx.save();
  ctx.strokeStyle = inScheme('--mantine-color-text');
  ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.lineWidth = devicePixelRatio;
  for (const { at } of marks) {
    const x = self.valToPos(at / 1_000, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
};

export default StackedChart;
