# The images of scripts/image, whose context is build/image. They have no shell and
# nothing to update: a static binary with its licences, and certificates of CAs for the proxy.
# The engine, too, may be used under the Apache License 2.0, which LICENSE is.

FROM scratch AS engine
COPY dynoxide LICENSE /
COPY --chown=65532:65532 data /data
USER 65532:65532
EXPOSE 8000
ENTRYPOINT ["/dynoxide", "serve", "--host", "0.0.0.0", "--db-path", "/data/latchkey.db"]

FROM scratch AS latchkey
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY tokenctl LICENSE THIRD-PARTY.txt /
ENV LISTEN=:3001
USER 65532:65532
EXPOSE 3001
ENTRYPOINT ["/tokenctl"]
CMD ["proxy"]
