// An address that leads nowhere.
import { Empty } from '../components/states.tsx';
import { ButtonTo } from '../components/LinkTo.tsx';

export const NotFoundPage = () => (
  <main>
    <Empty title="There is no such page" action={<ButtonTo to="/endpoints">Go to the endpoints</ButtonTo>}>
      The address may be mistyped, or what it named was removed.
    </Empty>
  </main>
);
