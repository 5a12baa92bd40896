# Hookledger's image. One stage builds the program; the image gets only the result, which contains the packages that it needs.
# `docker compose up` builds it.
FROM node:24-slim AS build
WORKDIR /hookledger
COPY package.json package-lock.json ./
RUN npm ci
COPY build.ts build-console.ts tsconfig.json ./
COPY src ./src
COPY console ./console
COPY README.md ./
COPY docs ./docs
RUN npm run build

FROM node:24-slim
ENV NODE_ENV=production HOOKLEDGER_HOST=0.0.0.0 HOOKLEDGER_PORT=3000 HOOKLEDGER_DATA_DIR=/data
WORKDIR /hookledger
COPY package.json LICENSE ./
COPY --from=build /hookledger/dist ./dist
COPY examples ./examples
# Hookledger writes only to /data. A new volume mounted there takes over this owner.
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.HOOKLEDGER_PORT + '/health/live').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# The command of `npm start`, without npm or a shell in between, so SIGTERM reaches the process.
CMD ["node", "dist/main.js"]
