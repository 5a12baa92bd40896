// A choice between a few, all of which are seen. Its styles are loaded with it.
import '@mantine/core/styles/FloatingIndicator.css';
import '@mantine/core/styles/SegmentedControl.css';
import { SegmentedControl, type SegmentedControlProps } from '@mantine/core';

export const Segments = (props: SegmentedControlProps) => <SegmentedControl transitionDuration={0} {...props} />;
