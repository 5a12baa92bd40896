// A handler that does not say who may call it never serves a request: the start refuses it.
import { Controller, Get, Put } from '@nestjs/common';
import { Query, Resolver } from '@nestjs/graphql';
import { expect, it } from 'vitest';
import { Public } from '../../src/api/auth/access.ts';
import { startApi } from './api-server.ts';

// At a path that is served, as others are refused before.
@Controller('v1/session')
class Forgetful {
  @Get()
  forgotten() {
    return 'anyone could read this';
  }

  @Put()
  @Public()
  said() {
    return 'anyone may read this';
  }
}

@Resolver()
class ForgetfulResolver {
  @Query(() => String)
  forgottenQuery() {
    return 'anyone could read this';
  }
}

it('is refused for a route and for a query, by name', async () => {
  await expect(startApi({ controllers: [Forgetful], providers: [ForgetfulResolver] })).rejects.toThrow(
    /Forgetful\.forgotten, ForgetfulResolver\.forgottenQuery\./,
  );
});
