// Reads the forms of corpus.json with Node's parsers and prints their readings.
//
//   npm install busboy@1.6.0 formidable@3.5.4 multer@2.5.0 multiparty@4.3.1
//   node read.mjs > node.json
//
// A reading is a list of the fields with the name model, or "error". Multer uses Busboy,
// but puts a field model[x] into model. Fastify uses Busboy too.
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { createRequire } from 'node:module'

const require = createRequire(`${process.cwd()}/`)
const headers = (body) => ({ 'content-type': 'multipart/form-data; boundary=b', 'content-length': String(body.length) })
const request = (body) => Object.assign(Readable.from([body]), { headers: headers(body), method: 'POST' })

const parsers = {
  busboy: (body) => new Promise((resolve, reject) => {
    const found = []
    const parser = require('busboy')({ headers: headers(body) })
    parser.on('field', (name, value) => { if (name === 'model') found.push(value) })
    parser.on('file', (name, stream) => {
      let text = ''
      stream.on('data', (piece) => { text += piece }).on('end', () => { if (name === 'model') found.push(text) }).on('error', reject)
    })
    parser.on('close', () => resolve(found)).on('error', reject)
    Readable.from([body]).pipe(parser)
  }),
  formidable: async (body) => {
    const [fields, files] = await require('formidable').default({ allowEmptyFiles: true, minFileSize: 0 }).parse(request(body))
    const contents = (files.model ?? []).map((f) => readFileSync(f.filepath, 'utf8'))
    return [...(fields.model ?? []), ...contents]
  },
  multer: (body) => new Promise((resolve, reject) => {
    const r = request(body)
    require('multer')().any()(r, {}, (err) => {
      if (err) return reject(err)
      const texts = r.body && Object.hasOwn(r.body, 'model') ? [r.body.model].flat() : []
      const files = (r.files ?? []).filter((f) => f.fieldname === 'model').map((f) => f.buffer.toString('utf8'))
      resolve([...texts.map((v) => (typeof v === 'string' ? v : JSON.stringify(v))), ...files])
    })
  }),
  multiparty: (body) => new Promise((resolve, reject) => {
    new (require('multiparty').Form)().parse(request(body), (err, fields, files) => {
      if (err) return reject(err)
      resolve([...(fields.model ?? []), ...(files.model ?? []).map((f) => readFileSync(f.path, 'utf8'))])
    })
  }),
}

const timeout = () => new Promise((_, reject) => {
  setTimeout(() => reject(new Error('no end')), 2000).unref()
})
const corpus = JSON.parse(readFileSync(new URL('corpus.json', import.meta.url), 'utf8'))
const readings = {}
process.on('uncaughtException', () => {})
for (const name of Object.keys(corpus).sort()) {
  readings[name] = {}
  for (const [parser, read] of Object.entries(parsers)) {
    readings[name][parser] = await Promise.race([read(Buffer.from(corpus[name], 'latin1')), timeout()]).catch(() => 'error')
  }
}
console.log(JSON.stringify(readings, null, 1))
process.exit(0)
