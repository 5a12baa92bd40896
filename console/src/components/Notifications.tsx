// Where sentences about what was done are shown. It is loaded after the page.
import '@mantine/notifications/styles.css';

export { Notifications } from '@mantine/notifications';
