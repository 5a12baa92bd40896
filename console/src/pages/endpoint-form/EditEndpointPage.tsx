// An endpoint that exists. `Save` changes only the fields that differ; somebody else's save in between is shown, not overwritten.
import { Text } from '@mantine/core';
import { useNavigate, useParams } from '@tanstack/react-router';
import { codeOf, issuesOf, sentenceOf } from '../../api/client.ts';
import type { ResultOf } from '../../api/graphql.ts';
import { useRights } from '../../api/rights.ts';
import { useAsk } from '../../api/use-ask.ts';
import { Page } from '../../components/Page.tsx';
import { ButtonTo } from '../../components/LinkTo.tsx';
import { Empty, Failure, NoRight, SkeletonRows } from '../../components/states.tsx';
import { say, useChange } from '../../components/use-change.ts';
import { fieldLabel } from '../endpoint/configuration.ts';
import { EndpointForm } from './EndpointForm.tsx';
import { patchOf, valuesOf, type FormValues } from './form-values.ts';
import { endpointToEdit, updateEndpoint, type formEndpoint } from './form.query.ts';

export const EditEndpointPage = () =>
  useRights().may('MANAGE_ENDPOINTS') ? (
    <EditPage />
  ) : (
    <NoRight title="Edit endpoint">Changing endpoints is switched off in this session.</NoRight>
  );

const EditPage = () => {
  const { endpointId } = useParams({ from: '/shell/endpoints/$endpointId/edit' });
  const { data, error, askAgain } = useAsk(endpointToEdit, { id: endpointId });
  const endpoint = data?.endpoint;
  const body = () => {
    if (error && !data) return <Failure error={error} onRetry={askAgain} />;
    if (endpoint === undefined) return <SkeletonRows rows={10} />;
    if (endpoint === null) return <Empty title="There is no such endpoint">It may have been deleted.</Empty>;
    return <EditForm key={endpoint.id} endpoint={endpoint} />;
  };
  return (
    <Page title={endpoint ? `Edit ${endpoint.name}` : 'Edit endpoint'} shown={{ query: endpointToEdit, variables: { id: endpointId } }}>
      {body()}
    </Page>
  );
};

const EditForm = ({ endpoint }: { readonly endpoint: ResultOf<typeof formEndpoint> }) => {
  const navigate = useNavigate();
  const [update] = useChange(updateEndpoint, ['Endpoint']);
  const before = valuesOf(endpoint);
  const save = async (values: FormValues) => {
    const input = patchOf(before, values);
    if (Object.keys(input).length > 0) {
      const { error } = await update({ id: endpoint.id, input, expectedRevision: endpoint.revision });
      if (error) {
        const isConflict = codeOf(error) === 'CONFLICT';
        return {
          sentence: isConflict ? `${sentenceOf(error)} Open the page again to see it.` : sentenceOf(error),
          issues: issuesOf(error),
        };
      }
    }
    say(`${values.name} was saved. The next attempt uses it.`);
    await navigate({ to: '/endpoints' });
    return undefined;
  };
  const changes = (values: FormValues) => {
    let names: string[] = [];
    try {
      names = Object.keys(patchOf(before, values)).map((name) => fieldLabel(name));
    } catch {
      return null; // a field says that its JSON can't be read
    }
    return (
      <Text size="sm" c="dimmed" role="status">
        {names.length === 0 ? 'Nothing changed' : `Changes ${names.join(', ')}`}
      </Text>
    );
  };
  return (
    <EndpointForm
      initial={before}
      saved={{ id: endpoint.id, values: before }}
      onSave={save}
      besideSave={changes}
      cancel={
        <ButtonTo to="/endpoints" variant="default">
          Cancel
        </ButtonTo>
      }
    />
  );
};
