// The filters above the table of deliveries.
import { Choice, EndpointChoice, EventTypeChoice, Written } from '../../components/FilterFields.tsx';
import { TimeFilter } from '../../components/TimeFilter.tsx';
import { codesIn } from './codes.ts';
import { failureOptions } from './failure-words.ts';
import { statusOptions, testOptions, type DeliverySearch } from './filters.ts';

type Props = { readonly search: DeliverySearch; readonly set: (change: DeliverySearch) => void };

export const Filters = ({ search, set }: Props) => (
  <div className="filters" role="group" aria-label="Filters">
    <Choice label="Status" any="Any status" options={statusOptions} value={search.status} onChange={(status) => set({ status })} />
    <EndpointChoice value={search.endpoint} onChange={(endpoint) => set({ endpoint })} />
    <EventTypeChoice value={search.eventType} onChange={(eventType) => set({ eventType })} />
    <TimeFilter since={search.since} until={search.until} onChange={set} />
    <Choice label="Reason" any="Any reason" options={failureOptions} value={search.reason} onChange={(reason) => set({ reason })} />
    <Written
      key={`code ${search.code}`}
      label="Code"
      placeholder="Any code, such as 5xx"
      value={search.code}
      problemOf={(text) => (codesIn(text) ? undefined : 'Such as 500, 5xx or 400-499')}
      onChange={(code) => set({ code })}
    />
    <Choice label="Test" any="With tests" options={testOptions} value={search.test} onChange={(test) => set({ test })} />
    <Written
      key={`client ${search.clientId}`}
      label="Publisher’s id"
      placeholder="Publisher’s id"
      value={search.clientId}
      onChange={(clientId) => set({ clientId })}
    />
  </div>
);
