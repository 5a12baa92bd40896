// The tabs of a page. Their styles are loaded with them.
import '@mantine/core/styles/Tabs.css';

export { Tabs } from '@mantine/core';
