# The image of Hookledger: built in one stage, with production dependencies only in the other. `docker compose up` builds it.
FROM node:24-slim AS dependencies
WORKDIR /hookledger
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:24-slim AS build
WORKDIR /hookledger
COPY package.json package-lock.json ./
RUN npm ci
COPY nest-cli.json tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM node:24-slim
ENV NODE_ENV=production HOOKLEDGER_HOST=0.0.0.0 HOOKLEDGER_PORT=3000 HOOKLEDGER_DATA_DIR=/data
WORKDIR /hookledger
COPY package.json LICENSE ./
COPY --from=dependencies /hookledger/node_modules ./node_modules
COPY --from=build /hookledger/dist ./dist
COPY examples ./examples
# What is written is written there; a volume that is mounted here takes over its owner.
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.HOOKLEDGER_PORT + '/health/live').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# As `npm start` has it, without a shell or npm in between: SIGTERM reaches it.
CMD ["node", "dist/main.js"]
